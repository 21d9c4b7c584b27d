"""Wide, sparse and large data: other ways through the training, the same map."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group

from stable_embedding import (
    StableAutoencoder,
    manifold_variance,
)
from stable_embedding.data import limits, pca, subspace
from stable_embedding.networks import Autoencoder
from stable_embedding.stability import displacement
from tests.precision import assert_near, assert_same_map


def quick(**parameters):
    defaults = {"n_init": 2, "max_iter": 20, "random_state": 0}
    return StableAutoencoder(**(defaults | parameters))


# ------------------------------------------------------------------------------ wide


@pytest.fixture(scope="module")
def wide(digits):
    """The digits in 300 features, with a little noise in all of them."""
    rng = np.random.default_rng(0)
    turn = ortho_group.rvs(300, random_state=0)[:64]
    return digits[0] @ turn + 0.2 * rng.normal(size=(len(digits[0]), 300))


@pytest.mark.slow
@pytest.mark.parametrize("n_components", [3, 10])
def test_wide_rows_lose_nothing_by_their_basis(n_components, wide, monkeypatch):
    train, test = wide[::2], wide[1::2]
    widths, project_inputs = [], Autoencoder.project_inputs

    def recorded(network, basis, gain):
        widths.append(len(basis))
        return project_inputs(network, basis, gain)

    monkeypatch.setattr(Autoencoder, "project_inputs", recorded)
    narrow, other = (
        StableAutoencoder(n_components, n_init=1, random_state=seed).fit(train)
        for seed in (0, 1)
    )
    assert widths == [32 if n_components == 3 else 80, 300] * 2
    monkeypatch.setattr(pca, "_WIDE_FEATURES", np.inf)
    full = StableAutoencoder(n_components, n_init=1, random_state=0).fit(train)
    assert len(widths) == 4
    assert narrow.score(test) > full.score(test) - 0.005
    maps = [model.transform(test) for model in (narrow, other)]
    assert manifold_variance(maps) < 0.002
    # Codes are not the smaller for the axes that were dropped.
    sizes = [pdist(model.transform(test)).mean() for model in (narrow, full)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.03)


@pytest.mark.numeric
def test_the_losses_of_wide_rows_are_those_of_all_their_features(wide):
    model = quick(n_components=5, n_init=1).fit(wide)
    assert model.network_.n_features == 300
    assert model.reconstruction_loss_ == pytest.approx(1 - model.score(wide), rel=1e-3)
    lost = np.square(pdist(model.transform(wide)) - pdist(wide)).mean()
    expected = lost / (2 * model.scale_**2)
    assert model.similarity_loss_ == pytest.approx(expected, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_wide_rows_stay_when_one_is_dropped(noise, digits):
    # Without noise the data have 61 axes, and rounding where others might be.
    X = digits[0] @ ortho_group.rvs(300, random_state=0)[:64]
    X += noise * np.random.default_rng(0).normal(size=X.shape)
    codes = quick().fit(X).transform(X)
    fewer = quick().fit(np.delete(X, 5, axis=0))
    assert displacement(codes, fewer.transform(X)) < 0.01


def test_wide_rows_go_on_in_all_features(wide):
    model = quick(n_init=2, max_iter=10).fit(wide)
    codes, score = model.transform(wide), model.score(wide)
    assert model.partial_fit(wide).score(wide) > score
    assert displacement(codes, model.transform(wide)) < 0.05


def taxicab(samples):
    """Sums of absolute differences, which a rotation changes."""
    return (samples.unsqueeze(0) - samples.unsqueeze(1)).abs().sum(-1)


@pytest.mark.parametrize(
    "parameters",
    [{"init": "random"}, {"similarity": "rbf"}, {"similarity": taxicab}],
)
def test_only_what_a_rotation_leaves_alone_is_trained_in_a_basis(
    parameters, wide, monkeypatch
):
    monkeypatch.setattr(Autoencoder, "project_inputs", None)
    model = quick(**parameters).fit(wide[:200])
    assert np.isfinite(model.transform(wide)).all()


# ---------------------------------------------------------------------------- sparse


@pytest.mark.numeric
@pytest.mark.parametrize(
    "kind", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.coo_array]
)
@pytest.mark.parametrize(
    "parameters", [{}, pytest.param({"early_stopping": True}, marks=pytest.mark.slow)]
)
def test_sparse_rows_give_the_map_of_dense_ones(kind, parameters, digits):
    X = digits[0][:500]
    dense, model = (quick(**parameters).fit(rows) for rows in (X, kind(X)))
    for codes, expected in zip(model.transform_runs(X), dense.transform_runs(X)):
        assert_same_map(codes, expected)
    # What is made dense is what the dense array holds.
    np.testing.assert_array_equal(model.transform(kind(X)), model.transform(X))
    np.testing.assert_array_equal(model.score_samples(kind(X)), model.score_samples(X))
    assert model.score(kind(X)) == pytest.approx(model.score(X))


@pytest.mark.slow
def test_sparse_rows_are_never_all_dense(rng):
    X = sparse.random_array((20_000, 3_000), density=0.003, rng=rng, format="csr")
    model = quick(max_iter=1, hidden_layer_sizes=8)
    tracemalloc.start()
    codes = model.fit(X).transform(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.isfinite(codes).all()
    assert peak < 0.4 * np.dtype(np.float64).itemsize * np.prod(X.shape)


@pytest.mark.slow
def test_a_sample_stands_for_many_sparse_rows(digits, monkeypatch):
    monkeypatch.setattr(limits, "SPARSE_SUBSET_BYTES", 4 * 64 * 500)
    X = digits[0]
    dense = quick().fit(X)
    model = quick().fit(sparse.csr_array(X))
    assert model.score(X) == pytest.approx(dense.score(X), abs=0.01)
    assert displacement(dense.transform(X), model.transform(X)) < 0.02


# ----------------------------------------------------------------------------- large


@pytest.fixture
def little_memory(monkeypatch):
    """Digits are then read in chunks of 200 rows."""
    monkeypatch.setattr(limits, "IN_MEMORY_BYTES", 1)
    monkeypatch.setattr(limits, "READ_BYTES", 4 * 64 * 200)


@pytest.fixture
def on_disk(digits, tmp_path):
    np.save(tmp_path / "X.npy", digits[0].astype(np.float32))
    return np.load(tmp_path / "X.npy", mmap_mode="r")


@pytest.mark.slow
@pytest.mark.numeric
def test_a_file_is_trained_on_in_chunks_as_well_as_in_memory(
    on_disk, little_memory, monkeypatch
):
    models = [quick(random_state=seed).fit(on_disk) for seed in range(3)]
    maps = [model.transform(on_disk) for model in models]
    assert manifold_variance(maps) < 0.005
    X = np.array(on_disk)  # a file and an array are one to it: exactly
    again = quick().fit(X)
    np.testing.assert_array_equal(again.transform(X), maps[0])
    monkeypatch.setattr(limits, "IN_MEMORY_BYTES", X.nbytes)
    held = quick().fit(X)
    assert held.is_order_invariant_
    assert models[0].score(X) > held.score(X) - 0.01
    assert displacement(held.transform(X), maps[0]) < 0.02


@pytest.mark.parametrize(
    "parameters",
    [
        {"early_stopping": True},
        {"n_init": 2},
        {"similarity": "rbf"},
        pytest.param({"neighbor_weight": 1.0}, marks=pytest.mark.slow),
        pytest.param(
            {"neighbor_weight": 1.0, "early_stopping": True, "n_init": 2},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_in_chunks_everything_works(parameters, on_disk, little_memory):
    model = quick(**parameters).fit(on_disk)
    assert not model.is_order_invariant_
    assert np.isfinite(model.transform_runs(on_disk)).all()
    assert model.score(on_disk) > 0.4
    assert model.partial_fit(on_disk).score(on_disk) > 0.4


@pytest.mark.slow
def test_wide_files_are_held_by_their_coordinates(wide, tmp_path, monkeypatch):
    np.save(tmp_path / "X.npy", wide.astype(np.float32))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    monkeypatch.setattr(limits, "IN_MEMORY_BYTES", 4 * 40 * len(wide))
    monkeypatch.setattr(subspace, "LazySamples", None)
    model = quick().fit(X)
    monkeypatch.setattr(limits, "IN_MEMORY_BYTES", wide.nbytes)
    held = quick().fit(wide)
    assert model.score(wide) > held.score(wide) - 0.01


@pytest.mark.slow
def test_shuffled_and_copied_rows_of_a_file_give_nearly_the_same_map(
    on_disk, little_memory, rng
):
    X = np.array(on_disk)
    maps = [quick().fit(rows).transform(X) for rows in (X, X[::-1].copy())]
    assert displacement(*maps) < 0.02
    blank = np.vstack([X, np.zeros((1_000, 64), dtype=np.float32)])
    assert quick().fit(blank).score(X) > 0.4


@pytest.mark.numeric
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
def test_large_arrays_of_any_number_are_read(dtype, digits, little_memory):
    X, floats = digits[0].astype(dtype), digits[0].astype(np.float32)
    model, other = (quick(max_iter=5).fit(samples) for samples in (X, floats))
    assert_same_map(model.transform(floats), other.transform(floats))
    # Values of float32 are scaled in float32, others in float64.
    assert_near(model.transform(X), model.transform(floats))


def test_what_is_not_finite_in_a_large_array_is_refused(digits, little_memory):
    X = digits[0].astype(np.float32)
    X[-1, -1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        quick().fit(X)


@pytest.mark.numeric
def test_codes_are_written_where_they_are_wanted(iris, tmp_path):
    X, _ = iris
    model = quick().fit(X)
    path, shape = tmp_path / "codes.npy", (len(X), 2)
    out = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    assert model.transform(X, out=out) is out
    np.testing.assert_array_equal(np.load(path), model.transform(X))
    with pytest.raises(ValueError, match=r"out has shape \(3, 2\), but the codes"):
        model.transform(X, out=np.empty((3, 2)))
    for unfit in (np.empty(shape, dtype=int), np.empty(shape).tolist()):
        with pytest.raises(TypeError, match="it must be an ndarray to which"):
            model.transform(X, out=unfit)
