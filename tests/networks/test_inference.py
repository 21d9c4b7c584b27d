import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from stable_embedding.data import limits
from stable_embedding.networks import Autoencoder
from stable_embedding.networks.inference import apply_in_chunks, check_out

pytestmark = pytest.mark.numeric


@pytest.fixture
def network():
    return Autoencoder(6, 2, (8,), "tanh", seed=1)


@pytest.mark.parametrize(
    ("part", "width_in", "width_out"),
    [("encode", 6, 2), ("decode", 2, 6), ("reconstruct", 6, 6)],
)
def test_chunks_change_nothing(part, width_in, width_out, network, rng, monkeypatch):
    X = rng.normal(size=(50, width_in))
    method = getattr(network, part)
    whole = apply_in_chunks(network, method, X)
    expected = method(torch.from_numpy(X).float()).detach().numpy()
    np.testing.assert_array_equal(whole, expected)
    assert whole.dtype == np.float32
    assert whole.shape == (50, width_out)
    monkeypatch.setattr(limits, "CHUNK_SAMPLES", 7)
    # Products of matrices of another height are rounded otherwise.
    in_chunks = apply_in_chunks(network, method, X)
    np.testing.assert_allclose(in_chunks, whole, rtol=1e-5, atol=1e-6)


def test_a_chunk_holds_no_more_than_its_bytes(network, monkeypatch):
    seen = []
    monkeypatch.setattr(limits, "CHUNK_BYTES", 8 * (6 + 8) * 5)
    apply_in_chunks(
        network, network.encode, np.zeros((12, 6)), lambda x: seen.append(len(x)) or x
    )
    assert seen == [5, 5, 2]


def test_squared_errors_are_of_each_sample(network, rng):
    X = rng.normal(size=(9, 6)).astype(np.float32)
    errors = apply_in_chunks(network, network.squared_errors, X)
    expected = np.square(X - apply_in_chunks(network, network.reconstruct, X)).sum(
        axis=1
    )
    np.testing.assert_allclose(errors, expected, rtol=1e-5)


def test_what_overflows_is_refused(network):
    with pytest.raises(ValueError, match="float32 overflows"):
        apply_in_chunks(network, network.reconstruct, np.full((2, 6), 1e60))


def test_each_chunk_is_prepared(network):
    X = np.ones((5, 6))
    np.testing.assert_array_equal(
        apply_in_chunks(network, network.encode, X, lambda chunk: 2 * chunk),
        apply_in_chunks(network, network.encode, 2 * X),
    )


def test_what_comes_out_is_finished_and_written_where_it_is_wanted(network, rng):
    X = rng.normal(size=(9, 6))
    out = np.zeros((9, 2))
    assert apply_in_chunks(network, network.encode, X, None, np.negative, out) is out
    np.testing.assert_array_equal(out, -apply_in_chunks(network, network.encode, X))


@pytest.mark.parametrize(
    ("codes", "taken", "refused"),
    [
        (np.uint8, [np.uint8, np.int16, np.float32], [np.int8, bool]),
        (np.float32, [np.float32, np.float64], [np.float16, np.int64, np.uint8]),
    ],
)
def test_codes_are_written_where_they_fit(codes, taken, refused):
    for dtype in taken:
        check_out(np.empty((3, 2), dtype), (3, 2), codes)
    for dtype in refused:
        expected = f"out is of {np.dtype(dtype)}; .* to which {np.dtype(codes)} can"
        with pytest.raises(TypeError, match=expected):
            check_out(np.empty((3, 2), dtype), (3, 2), codes)


def test_sparse_samples_are_those_of_the_dense_array(network, rng):
    X = rng.normal(size=(9, 6))
    np.testing.assert_array_equal(
        apply_in_chunks(network, network.encode, csr_array(X)),
        apply_in_chunks(network, network.encode, X),
    )
