"""Dask: lazy embeddings, and searches on a cluster."""

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from stable_embedding import StableAutoencoder
from stable_embedding.data.dask_arrays import is_dask_array
from stable_embedding.networks import ConvolutionalEncoder

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

# Dask's own, about ports and the like.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def model(digits):
    return StableAutoencoder(max_iter=20, random_state=0).fit(digits[0])


@pytest.fixture(scope="module")
def cluster():
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster):
        yield cluster


@pytest.mark.parametrize("chunks", [(500, 64), (700, 20), (1_797, 64)])
def test_codes_of_a_dask_array_are_those_of_the_array(chunks, model, digits):
    X = da.from_array(digits[0], chunks=chunks)
    assert is_dask_array(X)
    assert not is_dask_array(digits[0])
    codes = model.transform(X)
    assert is_dask_array(codes)
    assert (codes.shape, codes.dtype) == ((1_797, 2), np.float32)
    assert codes.chunks[0] == X.chunks[0]
    assert_allclose(codes.compute(), model.transform(digits[0]), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_data_frames_that_are_asked_for_are_computed(output, model, digits):
    X = da.from_array(digits[0], chunks=(500, 64))
    with config_context(transform_output=output):
        codes = model.transform(X)
    assert type(codes).__module__.startswith(output)
    assert_allclose(codes, model.transform(digits[0]), rtol=1e-5, atol=1e-4)


def test_nothing_is_computed_before_it_is_asked_for(model):
    def forbidden(block):
        raise AssertionError("a block was computed")

    X = da.zeros((10**9, 64), chunks=(1_000, 64)).map_blocks(forbidden, dtype=float)
    codes = model.transform(X)
    assert codes.shape == (10**9, 2)
    with pytest.raises(AssertionError, match="was computed"):
        codes[:5].compute()


def test_a_later_fit_does_not_change_what_is_asked_for(digits):
    X = digits[0]
    model = StableAutoencoder(max_iter=5, random_state=0).fit(X[:500])
    expected = model.transform(X)
    codes = model.transform(da.from_array(X, chunks=(500, 64)))
    model.fit(X[500:])
    assert_allclose(codes.compute(), expected, rtol=1e-5, atol=1e-4)


def test_chunks_without_rows_have_no_codes(model, digits):
    X = da.from_array(digits[0], chunks=(10, 64))
    chosen = model.transform(X[X[:, 10] > 15]).compute()
    expected = model.transform(digits[0][digits[0][:, 10] > 15])
    assert_allclose(chosen, expected, rtol=1e-5, atol=1e-4)


def test_blocks_are_written_where_they_are_wanted(model, digits):
    X, out = da.from_array(digits[0], chunks=(500, 64)), np.empty((1_797, 2))
    assert model.transform(X, out=out) is out
    assert_allclose(out, model.transform(digits[0]), rtol=1e-5, atol=1e-4)


def test_an_array_that_cannot_hold_the_codes_is_refused(model):
    X = da.zeros((60, 64), chunks=(20, 64))
    with pytest.raises(TypeError, match="out is of int64"):
        model.transform(X, out=np.empty((60, 2), dtype=np.int64))
    with pytest.raises(ValueError, match=r"shape \(80, 4\), but the codes"):
        model.transform(X, out=np.empty((80, 4)))


@pytest.mark.parametrize("chunks", [(20, 8, 8), (30, 3, 8), (30, 8, 5)])
def test_images_are_embedded_as_those_of_an_array(chunks, digits):
    images = digits[0][:60].reshape(-1, 8, 8)
    encoder = ConvolutionalEncoder((8, 8))
    model = StableAutoencoder(encoder=encoder, n_init=1, max_iter=1).fit(images)
    X, expected = da.from_array(images, chunks=chunks), model.transform(images)
    assert_allclose(model.transform(X).compute(), expected, rtol=1e-5, atol=1e-4)
    of_some = model.transform(X[X[:, 2, 2] > 5]).compute()  # of unknown length
    expected = expected[images[:, 2, 2] > 5]
    assert_allclose(of_some, expected, rtol=1e-5, atol=1e-4)
    with pytest.raises(ValueError, match=r"images of shape \(4, 8\), but the encoder"):
        model.transform(X[:, :4])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((10, 3), "3 features, but StableAutoencoder"),
        ((10, 64, 3), "Found array with dim 3"),
        ((64,), "Expected 2D array, got 1D"),
    ],
)
def test_other_features_are_refused_at_once(shape, message, model):
    with pytest.raises(ValueError, match=message):
        model.transform(da.zeros(shape))


def test_features_of_unknown_number_are_refused(model, digits):
    X = da.from_array(digits[0], chunks=(500, 64))
    some = X[:, X[0] >= 0]
    with pytest.raises(ValueError, match=r"shape \(1797, nan\).*compute_chunk_sizes"):
        model.transform(some)
    codes = model.transform(some.compute_chunk_sizes()).compute()
    assert_allclose(codes, model.transform(digits[0]), rtol=1e-5, atol=1e-4)


@pytest.mark.slow
def test_a_cluster_embeds_block_by_block(cluster, model, digits):
    X = da.from_array(digits[0], chunks=(300, 64))
    codes = model.transform(X).compute()
    assert_allclose(codes, model.transform(digits[0]), rtol=1e-5, atol=1e-4)


@pytest.mark.slow
def test_a_cluster_searches_as_one_machine(cluster, digits):
    X = digits[0][:300]
    search = GridSearchCV(
        StableAutoencoder(max_iter=5, random_state=0),
        {"similarity_weight": [0.3, 1.0]},
        cv=2,
    )
    with threadpool_limits(1):  # as dask's workers have it
        alone = search.fit(X).cv_results_["mean_test_score"]
    with joblib.parallel_backend("dask"):
        spread = search.fit(X).cv_results_["mean_test_score"]
    assert_allclose(spread, alone, rtol=1e-6)


def test_a_fit_reads_all_of_a_lazy_array(iris):
    X, _ = iris
    found, expected = (
        StableAutoencoder(n_init=1, max_iter=2, random_state=0).fit(samples)
        for samples in (da.from_array(X, chunks=(50, 4)), X)
    )
    np.testing.assert_array_equal(found.transform(X), expected.transform(X))
