import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from stable_embedding import (
    StableAutoencoder,
    manifold_variance,
    manifold_variance_matrix,
)
from stable_embedding.data import limits
from stable_embedding.plotting import ManifoldVarianceDisplay
from stable_embedding.stability.measures import nearest_to_consensus

plt = pytest.importorskip("matplotlib.pyplot")


def test_the_matrix_is_sorted_by_class(rng):
    runs, y = rng.normal(size=(3, 20, 2)), rng.permutation(np.repeat(["b", "a"], 10))
    display = ManifoldVarianceDisplay.from_embeddings(runs, y)
    order = np.argsort(y, kind="stable")
    expected = manifold_variance_matrix(runs[:, order])
    # Means over samples in another order differ by rounding.
    np.testing.assert_allclose(
        display.ax_.images[0].get_array(), expected, rtol=1e-6, atol=1e-12
    )
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["a", "b"]
    assert display.ax_.get_xlabel() == "samples, sorted by class"
    bars = [ax.get_ylabel() for ax in display.figure_.axes]
    assert "variance of the normalized distance" in bars


def test_samples_are_colored_by_their_own_variance(iris):
    X, y = iris
    model = StableAutoencoder(n_init=3, max_iter=2, init="random").fit(X)
    display = ManifoldVarianceDisplay.from_estimator(model, X, y, kind="map")
    (samples,) = display.ax_.collections
    runs = model.transform_runs(X)
    drawn = runs[nearest_to_consensus(runs)]
    np.testing.assert_allclose(samples.get_offsets(), drawn)
    variance = manifold_variance_matrix(runs)
    of_first = np.delete(variance[0], 0).mean()
    assert samples.get_array()[0] == pytest.approx(of_first)
    assert samples.get_array().mean() == pytest.approx(manifold_variance(runs))
    assert display.ax_.get_xlabel() == "component 1"


def test_an_embedding_that_does_not_vary_can_be_drawn(iris):
    for kind in ("matrix", "map"):
        ManifoldVarianceDisplay.from_estimator(PCA(2), iris[0], kind=kind)
    plt.gcf().canvas.draw()


def test_many_samples_are_subsampled_with_their_classes(rng, monkeypatch):
    monkeypatch.setattr(limits, "MEASURED_SAMPLES", 30)
    y = np.repeat([0, 1], 50)
    runs = y[:, None] + 0.01 * rng.normal(size=(2, 100, 2))
    display = ManifoldVarianceDisplay.from_embeddings(runs, y)
    assert display.variance.shape == (30, 30)
    np.testing.assert_array_equal(display.y, display.embedding[:, 0].round())


def test_an_unknown_kind_is_refused_before_a_training(iris):
    class Counted(PCA):
        n_fits = 0

        def fit_transform(self, X, y=None):
            Counted.n_fits += 1
            return super().fit_transform(X)

    with pytest.raises(ValueError, match="kind='maps' must be"):
        ManifoldVarianceDisplay.from_estimator(Counted(2), iris[0], kind="maps")
    assert not Counted.n_fits


def test_bad_variances_are_refused(rng):
    runs = rng.normal(size=(2, 10, 3))
    with pytest.raises(ValueError, match="kind='image'"):
        ManifoldVarianceDisplay.from_embeddings(runs, kind="image")
    with pytest.raises(ValueError, match=r"shape \(10, 3\)"):
        ManifoldVarianceDisplay.from_embeddings(runs, kind="map")
    with pytest.raises(ValueError, match="two"):
        ManifoldVarianceDisplay.from_embeddings(runs[:1])
    with pytest.raises(ValueError, match=r"\[9, 10\]"):
        ManifoldVarianceDisplay.from_embeddings(runs, np.arange(9))
    with pytest.raises(ValueError, match=r"\[10, 9\]"):
        ManifoldVarianceDisplay(np.eye(10), y=np.arange(9)).plot()
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("convert", "expected"),
    [
        (list, ["high", "low", "medium"]),
        (pd.Series, ["high", "low", "medium"]),
        (
            lambda y: pd.Series(pd.Categorical(y, ["low", "medium", "high"])),
            ["low", "medium", "high"],
        ),
    ],
    ids=["list", "text", "categorical"],
)
def test_classes_are_sorted_as_in_other_displays(convert, expected, rng):
    y = np.repeat(["low", "high", "medium"], 3)
    variance = rng.random((9, 9))
    ax = ManifoldVarianceDisplay(variance, y=convert(y)).plot().ax_
    assert [tick.get_text() for tick in ax.get_xticklabels()] == expected
    order = np.concatenate([np.flatnonzero(y == label) for label in expected])
    np.testing.assert_array_equal(
        ax.images[0].get_array(), variance[np.ix_(order, order)]
    )
    np.testing.assert_array_equal(ax.get_xticks(), [1, 4, 7])
    runs = rng.normal(size=(2, 9, 2))
    ax = ManifoldVarianceDisplay.from_embeddings(runs, convert(y)).ax_
    assert [tick.get_text() for tick in ax.get_xticklabels()] == expected


def test_samples_without_a_class_come_last(rng):
    y = pd.Series(["b", None, "a", "b", None])
    ax = ManifoldVarianceDisplay.from_embeddings(rng.normal(size=(2, 5, 2)), y).ax_
    labels = [tick.get_text() for tick in ax.get_xticklabels()]
    assert labels == ["a", "b", "missing"]
    np.testing.assert_array_equal(ax.get_xticks(), [0, 1.5, 3.5])


def test_classes_with_ids_in_another_order_are_refused(iris):
    X = pd.DataFrame(iris[0]).set_axis([f"c{i}" for i in range(150)])
    y = pd.Series(iris[1], index=X.index[::-1])
    with pytest.raises(ValueError, match="y has the id 'c149' where X has 'c0'"):
        ManifoldVarianceDisplay.from_estimator(PCA(2), X, y)
    assert not plt.get_fignums()
