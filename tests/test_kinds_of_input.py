"""What measures, reports and displays take: the same numbers from any container."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.sparse import coo_array, csr_array, csr_matrix
from scipy.spatial.distance import pdist
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.random_projection import (
    GaussianRandomProjection,
    SparseRandomProjection,
)

from stable_embedding import (
    DriftReference,
    StableAutoencoder,
    drift_report,
    manifold_variance_score,
    movement_report,
    plotting,
    quality,
    reports,
    stability,
    stability_report,
)
from stable_embedding.data import limits
from stable_embedding.data.containers import readable
from stable_embedding.plotting import (
    EmbeddingDisplay,
    FeatureSensitivityDisplay,
    InteractiveDisplay,
    LossCurveDisplay,
    ManifoldVarianceDisplay,
    MovementDisplay,
    ShepardDisplay,
)
from tests.precision import PASS


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4)) * (RNG.uniform(size=(30, 4)) < 0.7)
NEW = RNG.normal(size=(8, 4))
Y, Y_NEW = np.arange(30) % 3, np.arange(8) % 3


def embedded(samples):
    return samples[:, :2] + samples[:, 2:] ** 2


Z, Z_NEW = embedded(X), embedded(NEW)
OTHER = RNG.normal(size=Z.shape)


def names(samples):
    return [f"c{i}" for i in range(np.shape(samples)[1])]


CONTAINERS = {
    "list": lambda samples: samples.tolist(),
    "objects": lambda samples: samples.astype(object),
    "pandas": lambda samples: pd.DataFrame(samples, columns=names(samples)),
    "nullable": lambda samples: pd.DataFrame(
        samples, columns=names(samples), dtype="Float64"
    ),
    "polars": lambda samples: pl.DataFrame(samples, schema=names(samples)),
    "tensor": lambda samples: torch.from_numpy(samples.copy()).requires_grad_(),
    "csr array": csr_array,
    "csr matrix": csr_matrix,
    "coordinates": coo_array,
}

OF_CLASSES = {
    "list": list,
    "pandas": pd.Series,
    "nullable": lambda y: pd.Series(y, dtype="Int64"),
    "polars": pl.Series,
    "tensor": torch.from_numpy,
}


def of_report(to, y):
    found = stability_report(
        {"projection": GaussianRandomProjection(2), "PCA": COVARIANCE},
        to(X),
        y(Y),
        n_runs=2,
        perturbations=["seed", "order", "drop_one", "drop_tenth", "growth"],
        n_neighbors=3,
        verbose=0,
    )
    return [
        one[measure]
        for one in found.comparisons
        for measure in ("raw", "aligned", "manifold_variance", "neighbor_overlap", "r2")
    ]


# It takes sparse matrices too.
COVARIANCE = PCA(2, svd_solver="covariance_eigh")


def pca(samples):
    return PCA(2, svd_solver="covariance_eigh").fit(readable(samples))


def whitened_pca(samples):
    return PCA(2, svd_solver="covariance_eigh", whiten=True).fit(readable(samples))


# Each takes a container of samples, and one of classes.
FUNCTIONS = {
    "quality.explained_variance": lambda to, y: quality.explained_variance(
        to(X), to(X + OTHER[:, :1])
    ),
    "quality.distance_correlation": lambda to, y: quality.distance_correlation(
        to(X), to(Z)
    ),
    "quality.normalized_stress": lambda to, y: quality.normalized_stress(to(X), to(Z)),
    "quality.trustworthiness": lambda to, y: quality.trustworthiness(to(X), to(Z)),
    "quality.continuity": lambda to, y: quality.continuity(to(X), to(Z)),
    "quality.neighborhood_preservation": lambda to, y: (
        quality.neighborhood_preservation(to(X), to(Z)).q_nx
    ),
    "quality.neighbor_accuracy": lambda to, y: quality.neighbor_accuracy(
        to(Z), y(Y), to(Z_NEW), y(Y_NEW)
    ),
    "quality.lipschitz_estimate": lambda to, y: quality.lipschitz_estimate(
        to(X), to(Z), to(NEW), to(Z_NEW)
    ),
    "quality.triplet_accuracy": lambda to, y: quality.triplet_accuracy(to(Z), y(Y)),
    "stability.displacement": lambda to, y: stability.displacement(to(Z), to(OTHER)),
    "stability.manifold_variance": lambda to, y: stability.manifold_variance(
        [to(Z), to(OTHER)]
    ),
    "stability.manifold_variance_matrix": lambda to, y: (
        stability.manifold_variance_matrix([to(Z), to(OTHER)])
    ),
    "stability.neighbor_overlap": lambda to, y: stability.neighbor_overlap(
        to(Z), to(OTHER), n_neighbors=4
    ),
    "stability.manifold_variance_score": lambda to, y: (
        stability.manifold_variance_score(GaussianRandomProjection(2), to(X), y(Y))
    ),
    "reports.stability_report": of_report,
    "reports.drift_report": lambda to, y: [
        row["statistic"]
        for row in drift_report(short_fit(to(X)), to(X[:15]), to(X[15:])).rows
    ],
    "reports.DriftReference": lambda to, y: np.concatenate(
        list(
            DriftReference.from_estimator(short_fit(to(X)), to(X[15:])).values.values()
        ),
        axis=1,
    ),
    "reports.movement_report": lambda to, y: (
        movement_report(
            pca(to(X)), whitened_pca(to(X)), to(X), groups=y(Y), n_neighbors=3
        ).sample_displacement
    ),
    "plotting.MovementDisplay": lambda to, y: np.sort(
        np.concatenate(
            [
                drawn.get_offsets()
                for drawn in MovementDisplay(to(OTHER), to(Z), y(Y))
                .plot()
                .ax_.collections
            ]
        ),
        axis=0,
    ),
    "plotting.EmbeddingDisplay": lambda to, y: np.asarray(
        EmbeddingDisplay.from_estimator(pca(to(X)), to(X), y(Y)).embedding
    ),
    "plotting.EmbeddingDisplay of runs": lambda to, y: np.asarray(
        EmbeddingDisplay.from_estimator(
            GaussianRandomProjection(2), to(X), y(Y), runs=True
        ).embedding
    ),
    "plotting.EmbeddingDisplay of codes": lambda to, y: np.sort(
        np.concatenate(
            [
                drawn.get_offsets()
                for drawn in EmbeddingDisplay(to(Z), y(Y)).plot().ax_.collections
            ]
        ),
        axis=0,
    ),
    "plotting.InteractiveDisplay": lambda to, y: np.asarray(
        InteractiveDisplay.from_estimator(pca(to(X)), to(X), y(Y)).embedding
    ),
    "plotting.InteractiveDisplay of codes": lambda to, y: np.stack(
        list(
            InteractiveDisplay({"May": to(Z), "June": to(OTHER)}, y(Y))
            ._checked()
            .months.values()
        )
    ),
    "plotting.FeatureSensitivityDisplay": lambda to, y: (
        FeatureSensitivityDisplay.from_estimator(
            StableAutoencoder(n_init=1, max_iter=1, random_state=0).fit(to(X)), to(X)
        ).sensitivity
    ),
    "plotting.ManifoldVarianceDisplay": lambda to, y: (
        ManifoldVarianceDisplay.from_estimator(
            GaussianRandomProjection(2), to(X), y(Y), kind="map"
        ).variance
    ),
    "plotting.ManifoldVarianceDisplay of codes": lambda to, y: (
        ManifoldVarianceDisplay.from_embeddings([to(Z), to(OTHER)], y(Y)).variance
    ),
    "plotting.ShepardDisplay": lambda to, y: np.stack(
        vars_of(
            ShepardDisplay.from_estimator(pca(to(X)), to(X)),
            "distances",
            "distances_embedded",
        )
    ),
    "plotting.ShepardDisplay of codes": lambda to, y: np.stack(
        vars_of(
            ShepardDisplay.from_embedding(to(X), to(Z)),
            "distances",
            "distances_embedded",
        )
    ),
}


def short_fit(samples):
    return StableAutoencoder(n_init=1, max_iter=1, random_state=0).fit(samples)


def vars_of(display, *attributes):
    return [getattr(display, name) for name in attributes]


def unchanged(value):
    return value


# A network is trained in float32, on samples that are read in another order.
TOLERANCES = {"plotting.FeatureSensitivityDisplay": PASS}


@cache
def of_arrays(function):
    return FUNCTIONS[function](unchanged, unchanged)


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_same_numbers_from_any_container(function, kind, monkeypatch):
    # So small that sparse samples are read in several chunks.
    monkeypatch.setattr(limits, "CHUNK_SAMPLES", 7)
    expected = of_arrays(function)
    found = FUNCTIONS[function](CONTAINERS[kind], OF_CLASSES.get(kind, unchanged))
    rtol = TOLERANCES.get(function, 1e-7)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-9)


# They take no samples.
OTHERS = {
    "quality.NeighborhoodPreservation",
    "stability.most_stable_within_one_standard_error",
    "plotting.DriftDisplay",
    "reports.DriftReport",
    "reports.MovementReport",
    "reports.StabilityReport",
    "plotting.COLORMAP",
    "plotting.COLORS",
    "plotting.MARKERS",
    "plotting.LossCurveDisplay",
    "plotting.ParetoDisplay",
    "plotting.StabilityDisplay",
}


def test_all_public_functions_of_samples_are_tested():
    public = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in (quality, stability, reports, plotting)
        for name in module.__all__
    }
    assert public == {name.split(" ")[0] for name in FUNCTIONS} | OTHERS


def test_distances_of_near_duplicates_keep_their_digits():
    # The squares of sums, by which some find distances of sparse samples, lose these.
    near = np.array([[1e4, 0.0], [1e4 + 1e-5, 0.0], [0.0, 1e4]])
    codes = near[:, :1] - near[:, 1:]
    for measure in (
        quality.distance_correlation,
        quality.normalized_stress,
        lambda X, Z: quality.lipschitz_estimate(X[1:], Z[1:], X[:1], Z[:1]),
    ):
        assert measure(csr_array(near), codes) == pytest.approx(measure(near, codes))


# ------------------------------------------------------------ frames and pipelines

TABLE = {
    "size": [None if i % 7 == 0 else float(value) for i, value in enumerate(X[:, 0])],
    "count": [int(value * 10) for value in X[:, 1]],
    "color": [["red", "green", "blue"][i % 3] for i in range(30)],
    "sold": [i % 2 == 0 for i in range(30)],
}

LIBRARIES = pytest.mark.parametrize("library", [pd, pl])


def encoded(last, *more, threshold=0.3):
    """Build a pipeline that imputes and encodes a table before its last step."""
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), ["size", "count"]),
            (
                OneHotEncoder(handle_unknown="ignore", sparse_output=threshold > 0),
                ["color"],
            ),
            (StandardScaler(), ["sold"]),
            sparse_threshold=threshold,
        ),
        last,
        *more,
    )


def inputs_of(table):
    return np.asarray(encoded(None, threshold=0)[:-1].fit_transform(table), dtype=float)


@LIBRARIES
@pytest.mark.parametrize("threshold", [0, 1], ids=["dense", "sparse"])
def test_a_report_of_a_mixed_table_is_that_of_what_is_embedded(library, threshold):
    table = library.DataFrame(TABLE)
    steps = {"projection": GaussianRandomProjection(2), "PCA": COVARIANCE}
    options = {
        "n_runs": 2,
        "perturbations": ["seed", "order"],
        "n_neighbors": 3,
        "verbose": 0,
    }
    pipelines = {
        name: encoded(last, threshold=threshold) for name, last in steps.items()
    }
    found = stability_report(pipelines, table, **options).comparisons
    expected = stability_report(steps, inputs_of(table), **options).comparisons
    for one, other in zip(found, expected, strict=True):
        for measure in (
            "raw",
            "aligned",
            "manifold_variance",
            "neighbor_overlap",
            "r2",
        ):
            assert one[measure] == pytest.approx(other[measure], abs=1e-9)
        assert np.isfinite(one["r2"])


@LIBRARIES
def test_a_report_of_a_mixed_table_under_every_perturbation(library):
    table = library.DataFrame(TABLE)
    ours = StableAutoencoder(n_init=1, max_iter=2)
    estimators = {"ours": encoded(ours), "PCA": encoded(PCA(2), LogisticRegression())}
    found = stability_report(estimators, table, Y, n_runs=2, n_neighbors=3, verbose=0)
    assert len(found.rows) == 12
    for row in found.rows:
        assert np.isfinite([row["raw"], row["neighbor_overlap"], row["r2_sd"]]).all()
        assert (row["raw"] > 1e-9) == (
            row["perturbation"] not in ("seed", "order")
        ) or row["estimator"] == "ours"


def test_a_category_that_was_left_out_of_a_training_costs_no_more_than_the_variance():
    colors = pd.DataFrame(
        {"color": [f"c{i % 9}" for i in range(10)], "size": X[:10, 0]}
    )
    encoder = make_column_transformer((OneHotEncoder(), ["color"]), remainder=PCA(1))
    pipeline = make_pipeline(encoder, PCA(2))
    found = stability_report(
        {"PCA": pipeline},
        colors,
        n_runs=2,
        perturbations=["growth"],
        n_neighbors=2,
        verbose=0,
    )
    assert np.isfinite(found.rows[0]["raw"])
    assert np.isnan(found.rows[0]["r2_sd"])


def test_missing_values_that_a_pipeline_imputes():
    incomplete = np.where(X > 1, np.nan, X)
    pipeline = make_pipeline(SimpleImputer(), PCA(2))
    found = stability_report({"PCA": pipeline}, incomplete, n_runs=2, verbose=0)
    assert all(np.isfinite(list(row.values())[2:]).all() for row in found.rows)


def test_an_imputer_that_has_nothing_to_impute_has_no_way_back_either():
    options = {"n_runs": 2, "perturbations": ["order"], "verbose": 0}
    pipeline = make_pipeline(SimpleImputer(), PCA(2))
    found = stability_report({"a": pipeline}, X, **options).comparisons
    expected = stability_report({"a": PCA(2)}, X, **options).comparisons
    assert [one["r2"] for one in found] == pytest.approx(
        [one["r2"] for one in expected]
    )


@pytest.mark.parametrize("kind", [list, pd.Series, pl.Series, np.array])
def test_texts_get_no_noise(kind):
    texts = kind([f"{'ab'[i % 2] * 3} {'cde'[i % 3] * 2} word" for i in range(30)])
    pipeline = make_pipeline(TfidfVectorizer(), TruncatedSVD(2))
    with pytest.warns(UserWarning, match="'noise' is left out.*numbers") as caught:
        found = stability_report(
            {"topics": pipeline}, texts, n_runs=1, n_neighbors=3, verbose=0
        )
    assert caught[0].filename == __file__
    assert {row["perturbation"] for row in found.rows} == {
        "seed",
        "order",
        "drop_one",
        "drop_tenth",
        "growth",
    }
    with pytest.raises(ValueError, match=r"perturbations=\['noise'\]"):
        stability_report({"a": pipeline}, texts, perturbations=["noise"], verbose=0)


def test_a_list_of_texts_beside_numbers():
    rows = [list(row) for row in zip(TABLE["color"], TABLE["count"])]
    pipeline = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), [0]), remainder="passthrough"
        ),
        PCA(2),
    )
    found = stability_report(
        {"PCA": pipeline}, rows, n_runs=1, n_neighbors=3, verbose=0
    )
    raw = {row["perturbation"]: row["raw"] for row in found.rows}
    assert raw["seed"] < 1e-9 < raw["noise"] < 0.01


def test_sparse_embeddings_are_compared():
    projection = SparseRandomProjection(2, dense_output=False)
    found = stability_report(
        {"sparse": projection}, csr_array(X), n_runs=1, verbose=0, n_neighbors=3
    )
    expected = manifold_variance_score(
        SparseRandomProjection(2, dense_output=True), csr_array(X)
    )
    assert np.isfinite([row["raw"] for row in found.rows]).all()
    assert manifold_variance_score(projection, csr_array(X)) == pytest.approx(expected)


@LIBRARIES
@pytest.mark.parametrize("predictor", [(), (LogisticRegression(),)])
@pytest.mark.parametrize("output", ["default", "library"])
def test_displays_of_a_pipeline_on_a_mixed_table(library, predictor, output):
    table, n_runs = library.DataFrame(TABLE), 2
    last = StableAutoencoder(n_init=n_runs, max_iter=2, random_state=0)
    pipeline = encoded(last, *predictor, threshold=0).fit(table, Y)
    if output == "library":
        pipeline.set_output(transform=library.__name__)
        pipeline = pipeline.fit(table, Y)
    # The step learned no names, so those that it is shown are left out.
    inputs = inputs_of(table)
    codes = np.asarray(pipeline[:2].transform(table))
    shown = EmbeddingDisplay.from_estimator(pipeline, table, Y)
    np.testing.assert_array_equal(np.asarray(shown.embedding), codes)
    shown = EmbeddingDisplay.from_estimator(pipeline, table, Y, runs=True)
    assert np.shape(shown.embedding) == (n_runs, 30, 2)
    shown = ManifoldVarianceDisplay.from_estimator(pipeline, table, Y)
    assert shown.variance.shape == (30, 30)
    shown = ShepardDisplay.from_estimator(pipeline, table)
    np.testing.assert_allclose(shown.distances, pdist(inputs))
    np.testing.assert_allclose(shown.distances_embedded, pdist(codes), rtol=1e-6)
    assert 0 < manifold_variance_score(pipeline, table) <= 1
    shown = LossCurveDisplay.from_estimator(pipeline)
    assert shown.history is last.history_


def test_a_last_step_that_does_nothing_is_no_embedding():
    pipeline = make_pipeline(StandardScaler(), PCA(2), "passthrough").fit(X)
    shown = ShepardDisplay.from_estimator(pipeline, X)
    np.testing.assert_allclose(
        shown.distances, pdist(StandardScaler().fit_transform(X))
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X: quality.trustworthiness(X, Z), "'red' in column 'color' of X;"),
        (lambda X: quality.trustworthiness(Z, X), "column 'color' of X_embedded;"),
        (lambda X: quality.explained_variance(X[["size"]], X[["size"]]), "'size'"),
        (lambda X: ShepardDisplay.from_embedding(X, Z), "'red' in column 'color' of X"),
        (lambda X: stability.displacement(X, Z), "'red' in column 'color' of first;"),
        (
            lambda X: stability.manifold_variance([Z, X[["size"]]]),
            r"embeddings\[1\] contains NaN in column 'size'",
        ),
        (
            lambda X: stability.neighbor_overlap(Z, np.where(Z > 0, np.inf, -np.inf)),
            "second contains infinity .* in columns 0, 1;",
        ),
    ],
)
def test_what_is_no_number_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(pd.DataFrame(TABLE))


@pytest.mark.parametrize(
    "call",
    [
        lambda X: stability_report({"PCA": PCA(2)}, X),
        lambda X: manifold_variance_score(PCA(2), X),
        lambda X: EmbeddingDisplay.from_estimator(PCA(2), X),
        lambda X: ShepardDisplay.from_estimator(PCA(2), X),
        lambda X: quality.trustworthiness(X, Z),
    ],
)
def test_a_lazy_frame_is_to_be_collected(call):
    with pytest.raises(TypeError, match=r"X\.collect\(\)"):
        call(pl.DataFrame(X).lazy())


@pytest.mark.parametrize("measure", [quality.trustworthiness, quality.continuity])
@pytest.mark.parametrize("container", [np.asarray, csr_array])
def test_far_from_the_origin_neighbors_are_those_at_the_origin(measure, container):
    near = np.random.default_rng(0).normal(size=(60, 4))
    assert measure(container(1e6 + 1e-2 * near), near) == pytest.approx(1)
