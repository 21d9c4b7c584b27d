import builtins

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA, KernelPCA
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.random_projection import GaussianRandomProjection

from stable_embedding import StabilityReport, StableAutoencoder, stability_report
from stable_embedding.networks import ConvolutionalEncoder
from stable_embedding.quality import explained_variance
from stable_embedding.reports import stability as report_module
from stable_embedding.reports.perturbations import (
    PERTURBATIONS,
    training_indices,
    with_noise,
)
from tests.random_mds import random_mds

MEASURES = ["raw", "aligned", "manifold_variance", "neighbor_overlap", "r2_sd"]


def report(estimators, X, *arguments, **parameters):
    defaults = {"n_runs": 2, "verbose": 0}
    return stability_report(estimators, X, *arguments, **(defaults | parameters))


def measured(found, measure):
    """Return the values of a measure by estimator and perturbation."""
    return {(row["estimator"], row["perturbation"]): row[measure] for row in found.rows}


# ---------------------------------------------------------------- the promise


@pytest.mark.slow
def test_digits_the_embedding_stays(digits):
    X = digits[0][:900]
    estimators = {"PCA": PCA(2), "ours": StableAutoencoder(2, n_init=2)}
    raw = measured(
        report(
            estimators, X, perturbations=["seed", "order", "drop_one", "drop_tenth"]
        ),
        "raw",
    )
    for perturbation in ("seed", "order", "drop_one"):
        assert raw["ours", perturbation] < 0.02
    assert raw["ours", "drop_tenth"] < 3 * raw["PCA", "drop_tenth"]


@pytest.mark.slow
def test_digits_t_sne_jumps_when_a_sample_is_dropped(digits):
    # From a random start; the PCA start of scikit-learn's default mostly stays.
    ours = StableAutoencoder(2, n_init=2)
    estimators = {"ours": ours, "t-SNE": TSNE(2, init="random")}
    found = report(estimators, digits[0][:900], n_runs=1, perturbations=["drop_one"])
    ours, of_tsne = (row["raw"] for row in found.rows)
    assert of_tsne > 10 * ours


# ------------------------------------------------------------------ what it finds


def test_every_perturbation_of_every_estimator(iris):
    X, _ = iris
    estimators = {
        "PCA": PCA(2),
        "ours": StableAutoencoder(max_iter=5),
        "projection": GaussianRandomProjection(2),
        "MDS": random_mds(max_iter=50),
    }
    found = report(estimators, X)
    keys = [(name, how) for how in PERTURBATIONS for name in estimators]
    assert [(row["estimator"], row["perturbation"]) for row in found.rows] == keys
    assert len(found.comparisons) == 2 * len(keys)
    for row in found.rows:
        assert 0 <= row["aligned"] <= row["raw"] + 1e-12
        assert 0 <= row["manifold_variance"] < 1.5
        assert 0 <= row["neighbor_overlap"] <= 1
        # MDS alone has no inverse.
        assert np.isnan(row["r2_sd"]) == (row["estimator"] == "MDS")
    raw = measured(found, "raw")
    assert raw["PCA", "seed"] == pytest.approx(0, abs=1e-12)
    assert raw["PCA", "drop_one"] < raw["PCA", "drop_tenth"] < 0.01
    assert raw["projection", "seed"] > 0.1 > raw["projection", "order"]
    assert raw["MDS", "seed"] > 0.1


def test_measures_are_those_of_trainings_by_hand(iris):
    X, _ = iris
    found = report({"PCA": PCA(2)}, X, perturbations=["drop_tenth"], n_runs=3)
    reference = PCA(2).fit_transform(X)
    seeds = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=4)[1:]
    raw, r2 = [], []
    for seed in seeds:
        kept = training_indices("drop_tenth", 150, seed)
        assert len(kept) == 135
        pca = PCA(2)
        codes = pca.fit_transform(X[kept])
        moved = np.square(codes - reference[kept]).sum(axis=1).mean()
        variance = (codes.var(axis=0) + reference[kept].var(axis=0)).sum() / 2
        raw.append(moved / variance)
        r2.append(explained_variance(X, pca.inverse_transform(pca.transform(X))))
    assert found.rows[0]["raw"] == pytest.approx(np.mean(raw))
    assert found.rows[0]["r2_sd"] == pytest.approx(np.std(r2, ddof=1))


@pytest.mark.parametrize("n_samples", [4, 11, 99])
def test_samples_under_each_perturbation(n_samples):
    left = {name: training_indices(name, n_samples, seed=1) for name in PERTURBATIONS}
    everyone = list(range(n_samples))
    for name in ("seed", "noise"):
        assert left[name].tolist() == everyone
    assert sorted(left["order"]) == everyone != left["order"].tolist()
    for name in ("drop_one", "drop_tenth", "growth"):
        assert (np.diff(left[name]) > 0).all()
    assert len(left["drop_one"]) == n_samples - 1
    assert len(left["drop_tenth"]) == n_samples - max(1, round(n_samples / 10))
    assert len(left["growth"]) == n_samples - max(1, round(n_samples / 3))
    dropped = {tuple(training_indices("drop_one", n_samples, i)) for i in range(9)}
    assert len(dropped) > 1


def test_noise_is_one_percent_of_each_feature(rng):
    X = rng.normal(size=(20_000, 3)) * [1, 100, 0] + 5
    change = with_noise(X, seed=0) - X
    np.testing.assert_allclose(change.std(axis=0), [0.01, 1, 0], rtol=0.05)


def test_the_same_random_state_gives_the_same_report(iris):
    X, _ = iris
    estimators = {"ours": StableAutoencoder(n_init=2, max_iter=3)}
    first, second, other = (
        report(estimators, X, random_state=state).comparisons for state in (0, 0, 1)
    )
    assert first == second != other


def test_variance_explained_is_that_of_the_same_samples(digits):
    found = report({"PCA": PCA(2)}, digits[0], n_runs=3, perturbations=["order"])
    assert found.rows[0]["r2_sd"] < 1e-9


class Constant(TransformerMixin, BaseEstimator):
    """Embed every sample at the same value."""

    def __init__(self, value):
        self.value = value

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.full((len(X), 2), self.value)


@pytest.mark.parametrize(
    ("value", "reason"), [(0.0, "collapsed"), (np.nan, "NaN"), (np.inf, "infinity")]
)
def test_a_collapsed_or_not_finite_embedding_has_no_measures(value, reason, iris):
    message = f"run 0 of 'c' under 'seed' cannot be compared.*{reason}"
    with pytest.warns(RuntimeWarning, match=message) as caught:
        found = report(
            {"c": Constant(value)}, iris[0], n_runs=1, perturbations=["seed"]
        )
    assert caught[0].filename == __file__
    assert all(np.isnan(found.rows[0][name]) for name in MEASURES)


def test_another_number_of_components_has_no_measures(iris):
    class Varying(BaseEstimator):
        def fit_transform(self, X, y=None):
            return X[:, : 2 if len(X) == 150 else 1]

    perturbations = ["order", "drop_one"]
    with pytest.warns(RuntimeWarning, match="'drop_one' cannot be compared.*shape"):
        found = report({"v": Varying()}, iris[0], n_runs=1, perturbations=perturbations)
    raw = measured(found, "raw")
    assert raw["v", "order"] == pytest.approx(0, abs=1e-12)
    assert np.isnan(raw["v", "drop_one"])


@pytest.mark.parametrize(
    "measure", ["displacement", "manifold_variance", "neighbor_overlap"]
)
def test_an_unrelated_error_of_a_measure_is_raised(measure, iris, monkeypatch):
    def fail(*arguments, **parameters):
        raise ValueError("a bug")

    monkeypatch.setattr(report_module, measure, fail)
    with pytest.raises(ValueError, match="a bug"):
        report({"PCA": PCA(2)}, iris[0], n_runs=1, perturbations=["seed"])


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_a_failing_training_is_named(n_jobs, rng):
    X = rng.normal(size=(20, 3))
    with pytest.raises(ValueError, match="perplexity") as caught:
        report({"t-SNE": TSNE(perplexity=30)}, X, n_jobs=n_jobs)
    # Of trainings at the same time, any may fail first.
    (note,) = caught.value.__notes__
    assert note.startswith("in a training of 't-SNE' ")
    if n_jobs is None:
        assert note == "in a training of 't-SNE' for reference"


# ------------------------------------------------------------------ what it takes


def test_pipelines_targets_and_an_inverse_that_is_not_there(iris):
    X, y = iris
    estimators = {
        "classifier": make_pipeline(StandardScaler(), PCA(2), LogisticRegression()),
        "pipeline": make_pipeline(StandardScaler(), PCA(2)),
        "kernel": KernelPCA(2),
    }
    found = report(estimators, X, y, perturbations=["drop_tenth"])
    one, other, kernel = found.rows
    assert {**one, "estimator": ""} == {**other, "estimator": ""}
    assert np.isnan(kernel["r2_sd"])


def test_noise_keeps_the_index_and_names_of_a_frame(rng):
    frame = pd.DataFrame(rng.normal(size=(3, 2)), index=[7, 8, 9], columns=["b", "a"])
    noisy = with_noise(frame, seed=0)
    assert list(noisy.index) == [7, 8, 9]
    assert list(noisy.columns) == ["b", "a"]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(frame, iris):
    X, y = iris
    data = frame(dict(zip("abcd", X.T)))
    library = frame.__module__.split(".")[0]
    pipeline = make_pipeline(StandardScaler(), PCA(2)).set_output(transform=library)
    found = report({"PCA": pipeline}, data, frame({"y": y})["y"])
    expected = report({"PCA": make_pipeline(StandardScaler(), PCA(2))}, X)
    for name in MEASURES:
        assert [row[name] for row in found.rows] == pytest.approx(
            [row[name] for row in expected.rows], abs=1e-9
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"estimators": [PCA()]}, "estimators"),
        ({"estimators": {}}, "estimators is empty"),
        ({"estimators": {"a": LogisticRegression()}}, "has no fit_transform"),
        ({"n_runs": 0}, "n_runs"),
        ({"perturbations": ["shake"]}, r"\['shake'\].*'drop_one'"),
        ({"perturbations": []}, "perturbations"),
        ({"perturbations": "seed"}, "perturbations"),
        ({"n_neighbors": 100}, "n_neighbors=100 must be less than 100"),
        ({"X": [[1, np.nan]] * 20}, "NaN"),
        ({"estimators": {"a": PLSRegression(1)}, "y": np.arange(150)}, "dim"),
        ({"y": [1, 2]}, r"\[150, 2\]"),
        ({"verbose": "loud"}, "verbose"),
    ],
)
def test_bad_arguments_are_named(arguments, message, iris):
    defaults = {"estimators": {"PCA": PCA(2)}, "X": iris[0], "verbose": 0}
    with pytest.raises((ValueError, TypeError), match=message):
        stability_report(**(defaults | arguments))


# ---------------------------------------------------------------- how it is shown


@pytest.fixture(scope="module")
def small(iris):
    return report({"PCA <2>": PCA(2), "MDS": random_mds(max_iter=20)}, iris[0])


def test_text_is_a_table(small):
    header, *lines = repr(small).splitlines()
    assert header.split()[:2] == ["estimator", "perturbation"]
    assert len(lines) == 12
    assert all(len(line) <= 88 for line in lines)
    assert lines[0].startswith("PCA <2>")
    assert lines[1].endswith("-")


def test_html_is_a_table_and_escaped(small):
    html = small._repr_html_()
    assert html.count("<tr>") == 13
    assert "PCA &lt;2&gt;" in html
    assert "<2>" not in html


def test_frame_holds_the_measures(small):
    frame = small.to_frame()
    assert frame.index.names == ["estimator", "perturbation"]
    assert list(frame.columns) == MEASURES
    assert frame.loc[("PCA <2>", "seed"), "neighbor_overlap"] == 1


def test_without_pandas_all_but_the_frame_works(small, monkeypatch):
    import_module = builtins.__import__

    def import_other(name, *arguments, **keywords):
        if name == "pandas":
            raise ImportError("no pandas")
        return import_module(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", import_other)
    again = StabilityReport(small.comparisons)
    assert repr(again) == repr(small)
    with pytest.raises(ImportError, match="pandas"):
        again.to_frame()


def test_a_page_holds_the_table_and_the_picture(small, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    small.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<tr>") == 13
    assert "PCA &lt;2&gt;" in page
    assert "data:image/" in page
    assert plt.get_fignums() == []


@pytest.mark.parametrize("measure", MEASURES)
def test_plot_draws_each_value(measure, small):
    plt = pytest.importorskip("matplotlib.pyplot")
    ax = small.plot(measure=measure).ax_
    drawn = {line.get_label(): line.get_xdata() for line in ax.get_lines()}
    expected = measured(small, measure)
    for name in ("PCA <2>", "MDS"):
        np.testing.assert_array_equal(
            drawn[name], [expected[name, how] for how in PERTURBATIONS]
        )
    plt.close("all")


def test_plot_knows_its_measures(small):
    with pytest.raises(ValueError, match=r"measure='speed'.*'aligned'"):
        small.plot(measure="speed")
    with pytest.raises(ValueError, match=r"measure=\['raw'\] must be one of"):
        small.plot(measure=["raw"])


def test_progress_is_shown_unless_unwanted(iris, capsys):
    X, _ = iris
    report({"PCA": PCA(2)}, X, perturbations=["seed"])
    assert capsys.readouterr().err == ""
    report({"PCA": PCA(2)}, X, perturbations=["seed"], verbose=1)
    assert "3/3" in capsys.readouterr().err


# -------------------------------------------------------------- many trainings at once


def assert_alike(first, second):
    # Workers may use other numbers of threads, and so other orders of summation.
    for name in MEASURES:
        assert measured(first, name) == pytest.approx(measured(second, name), rel=1e-3)


@pytest.mark.parametrize(
    "backend", [pytest.param("loky", marks=pytest.mark.slow), "threading"]
)
def test_parallel_trainings_find_what_one_after_the_other_finds(backend, iris, capsys):
    X, _ = iris
    estimators = {"ours": StableAutoencoder(n_init=2, max_iter=3)}
    alone = report(estimators, X, perturbations=["seed"])
    with joblib.parallel_backend(backend):
        found = report(estimators, X, perturbations=["seed"], n_jobs=2, verbose=1)
    assert_alike(alone, found)
    assert "3/3" in capsys.readouterr().err


def test_trainings_in_threads_have_the_configuration(iris):
    class Configured(PCA):
        def fit_transform(self, X, y=None):
            assert get_config()["enable_metadata_routing"]
            return super().fit_transform(X, y)

    with (
        config_context(enable_metadata_routing=True),
        joblib.parallel_backend("threading"),
    ):
        found = report({"c": Configured(2)}, iris[0], perturbations=["seed"], n_jobs=2)
    assert np.isfinite(found.rows[0]["raw"])


@pytest.mark.filterwarnings("ignore")  # dask's own, about ports and the like
@pytest.mark.slow
def test_a_dask_cluster_finds_what_one_finds(iris, capsys):
    distributed = pytest.importorskip("distributed")
    X, _ = iris
    alone = report({"PCA": PCA(2)}, X)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster), joblib.parallel_backend("dask"):
        spread = report({"PCA": PCA(2)}, X, verbose=1)
    assert_alike(alone, spread)
    assert "13/13" in capsys.readouterr().err


def test_images_are_embedded_as_they_are(digits):
    images = digits[0][:80].reshape(-1, 8, 8)
    encoder = ConvolutionalEncoder((8, 8), n_maps=(3,), hidden_layer_sizes=(8,))
    model = StableAutoencoder(encoder=encoder, n_init=1, max_iter=2)
    found = report({"a": model}, images, perturbations=["order", "noise"])
    assert {row["perturbation"] for row in found.rows} == {"order", "noise"}
    assert all(np.isfinite(row["r2_sd"]) for row in found.rows)


def test_images_get_noise_by_pixel(rng):
    images = rng.normal(size=(50, 4, 3))
    noise = with_noise(images, 0) - images
    expected = with_noise(images.reshape(50, -1), 0) - images.reshape(50, -1)
    np.testing.assert_array_equal(noise, expected.reshape(images.shape))


@pytest.mark.parametrize("error", [ValueError, NotImplementedError])
def test_an_inverse_that_fails_is_nan(iris, error):
    class NoInverse(PCA):
        def inverse_transform(self, X):
            raise error("no inverse for these data")

    maps = {
        "map": NoInverse(2),
        "pipeline": make_pipeline(StandardScaler(), NoInverse(2)),
    }
    report = stability_report(maps, iris[0], perturbations=["seed"])
    assert all(np.isnan(row["r2_sd"]) for row in report.rows)


def test_targets_with_ids_in_another_order_are_refused(iris):
    X = pd.DataFrame(iris[0]).set_axis([f"c{i}" for i in range(150)])
    y = pd.Series(iris[1], index=X.index[::-1])
    with pytest.raises(ValueError, match="y has the id 'c149' where X has 'c0'"):
        report({"PCA": PCA(2)}, X, y)
