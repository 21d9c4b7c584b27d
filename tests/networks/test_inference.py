import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from stable_embedding.data import chunks
from stable_embedding.networks import Autoencoder
from stable_embedding.networks.inference import apply_in_chunks
from tests.precision import assert_near

pytestmark = pytest.mark.numeric


@pytest.fixture
def network():
    return Autoencoder(6, 2, (8,), "tanh", seed=1)


@pytest.mark.parametrize(
    ("part", "width_in", "width_out"),
    [("encode", 6, 2), ("decode", 2, 6), ("reconstruct", 6, 6)],
)
def test_blocks_change_nothing(part, width_in, width_out, network, rng, monkeypatch):
    X = rng.normal(size=(50, width_in))
    whole = apply_in_chunks(network, part, X)
    expected = getattr(network, part)(torch.from_numpy(X).float()).detach().numpy()
    np.testing.assert_array_equal(whole, expected)  # one block, the same computation
    assert whole.dtype == np.float32
    assert whole.shape == (50, width_out)
    monkeypatch.setattr(chunks, "_BLOCK_ROWS", 7)
    # Blocks of other sizes may be multiplied by other kernels.
    assert_near(apply_in_chunks(network, part, X), whole)


def test_a_block_holds_no_more_than_its_bytes(network, monkeypatch):
    seen = []
    monkeypatch.setattr(chunks, "_BLOCK_BYTES", 8 * (6 + 8) * 5)
    apply_in_chunks(
        network, "encode", np.zeros((12, 6)), lambda x: seen.append(len(x)) or x
    )
    assert seen == [5, 5, 2]


def test_squared_errors_are_one_a_row(network, rng):
    X = rng.normal(size=(9, 6)).astype(np.float32)
    errors = apply_in_chunks(network, "squared_errors", X)
    expected = np.square(X - apply_in_chunks(network, "reconstruct", X)).sum(axis=1)
    np.testing.assert_allclose(errors, expected, rtol=1e-5)


def test_what_overflows_is_refused(network):
    with pytest.raises(ValueError, match="float32 overflows"):
        apply_in_chunks(network, "reconstruct", np.full((2, 6), 1e60))


def test_each_block_is_prepared(network):
    X = np.ones((5, 6))
    np.testing.assert_array_equal(
        apply_in_chunks(network, "encode", X, lambda block: 2 * block),
        apply_in_chunks(network, "encode", 2 * X),
    )


def test_what_comes_out_is_finished_and_written_where_it_is_wanted(network, rng):
    X = rng.normal(size=(9, 6))
    out = np.zeros((9, 2))
    assert apply_in_chunks(network, "encode", X, None, np.negative, out) is out
    np.testing.assert_array_equal(out, -apply_in_chunks(network, "encode", X))


def test_sparse_rows_are_those_of_the_dense_array(network, rng):
    X = rng.normal(size=(9, 6))
    np.testing.assert_array_equal(
        apply_in_chunks(network, "encode", csr_array(X)),
        apply_in_chunks(network, "encode", X),
    )
