"""A training that is pulled to where an earlier map put the samples."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.stats import ortho_group
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import SemanticHashing, StableAutoencoder
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.stability import displacement


@pytest.fixture(scope="module")
def months(digits):
    """Two months of digits that share their first 400, and the first month's map."""
    X, _ = digits
    old, new = X[:500], np.concatenate([X[:400], X[600:700]])
    model = StableAutoencoder(n_init=2, max_iter=40, random_state=0).fit(old)
    turned = model.transform(old) @ ortho_group.rvs(2, random_state=3) + [5.0, -40.0]
    model.align(old, turned)
    places = np.full((len(new), 2), np.nan)
    places[:400] = model.transform(old)[:400]
    return new, places


@pytest.mark.parametrize(
    ("n_init", "init"),
    [
        (1, "pca"),
        (3, "pca"),
        (1, "random"),
        pytest.param(3, "random", marks=pytest.mark.slow),
    ],
)
def test_a_pull_leaves_known_samples_nearer_than_a_rigid_map(months, n_init, init):
    X, places = months
    known = np.isfinite(places).all(axis=1)
    parameters = {"n_init": n_init, "init": init, "max_iter": 40, "random_state": 1}
    laid = StableAutoencoder(**parameters).fit(X).align(X[known], places[known])
    pulled = StableAutoencoder(consensus_weight=1.0, **parameters)
    pulled.fit(X, reference=places)
    moved = [
        displacement(places[known], model.transform(X[known]))
        for model in (pulled, laid)
    ]
    assert moved[0] < 0.5 * moved[1]
    assert pulled.consensus_loss_ > 0
    assert np.isfinite(pulled.transform(X)).all()


def test_shuffled_samples_are_laid_on_a_reference_the_same(quick, rng):
    X, places = rng.normal(size=(40, 30)), rng.normal(size=(40, 2))
    shuffled = rng.permutation(40)
    model = quick(n_init=1, random_state=0).fit(X, reference=places)
    again = clone(model).fit(X[shuffled], reference=places[shuffled])
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


def test_without_a_weight_the_map_is_only_laid_there(months, quick):
    X, places = months
    known = np.isfinite(places).all(axis=1)
    parameters = {"n_init": 1, "random_state": 0}
    laid = quick(**parameters).fit(X).align(X[known], places[known])
    pulled = quick(consensus_weight=0, **parameters).fit(X, reference=places)
    # The same training; the rigid map is found from chunks of other sizes.
    np.testing.assert_allclose(
        pulled.transform(X), laid.transform(X), atol=1e-4 * np.nanstd(places)
    )


def test_it_does_not_depend_on_the_order_of_the_samples(months, quick):
    X, places = months
    order = np.random.default_rng(0).permutation(len(X))
    parameters = {"n_init": 2, "random_state": 0}
    one = quick(**parameters).fit(X, reference=places)
    other = quick(**parameters).fit(X[order], reference=places[order])
    np.testing.assert_allclose(
        other.transform(X), one.transform(X), atol=1e-4 * np.nanstd(places)
    )


def test_sparse_samples_warm_starts_and_early_stopping_take_it(months, quick):
    X, places = months
    model = quick(n_init=2, warm_start=True, early_stopping=True, random_state=0)
    for samples in (csr_array(X), X):
        model.fit(samples, reference=places)
        known = np.isfinite(places).all(axis=1)
        center = model.transform(X[known]).mean(axis=0)
        np.testing.assert_allclose(center, places[known].mean(axis=0), rtol=1e-3)


@pytest.mark.parametrize(
    "autoencoder",
    [one for one in ESTIMATORS.values() if hasattr(one, "inverse_transform")],
)
def test_every_autoencoder_takes_it_or_says_why_not(months, autoencoder):
    X, places = months
    y = np.arange(len(X)) % 2
    model = autoencoder(max_iter=2, random_state=0)
    if isinstance(model, SemanticHashing):
        with pytest.raises(ValueError, match="bits cannot be pulled"):
            model.fit(X, y, reference=places)
        return
    assert model.fit(X, y, reference=places).consensus_loss_ > 0
    assert np.isfinite(model.transform(X)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda places: places[:, :1],
            r"shape \(500, 1\), but it must have \(500, 2\)",
        ),
        (lambda places: places[:-1], r"shape \(499, 2\)"),
        (lambda places: np.full_like(places, np.nan), "has codes for 0 samples"),
        (lambda places: np.where(places > 0, np.inf, places), "reference contains inf"),
    ],
)
def test_what_is_no_place_is_refused_before_anything_is_lost(
    months, quick, change, message
):
    X, places = months
    model = quick(n_init=1, random_state=0).fit(X)
    before = model.transform(X)
    with pytest.raises(ValueError, match=message):
        model.fit(X, reference=change(places))
    np.testing.assert_array_equal(model.transform(X), before)


def test_pipelines_route_it(months, quick):
    X, places = months
    model = quick(n_init=1, random_state=0)
    expected = clone(model).fit(StandardScaler().fit_transform(X), reference=places)
    with config_context(enable_metadata_routing=True):
        routed = make_pipeline(
            StandardScaler(), clone(model).set_fit_request(reference=True)
        ).fit(X, reference=places)
    by_prefix = make_pipeline(StandardScaler(), clone(model)).fit(
        X, stableautoencoder__reference=places
    )
    for pipeline in (routed, by_prefix):
        np.testing.assert_array_equal(
            pipeline.transform(X), expected.transform(StandardScaler().fit_transform(X))
        )


def test_samples_without_a_weight_have_no_place(months, quick):
    X, places = months
    weights = np.ones(len(X))
    weights[:10] = 0
    reference = np.full_like(places, np.nan)
    reference[:10] = places[:10]
    with pytest.raises(ValueError, match="has codes for 0 samples"):
        quick(n_init=1).fit(X, reference=reference, sample_weight=weights)


def test_targets_with_the_ids_of_other_rows_are_refused(iris):
    X = pd.DataFrame(iris[0], [f"flower {i}" for i in range(150)])
    model = StableAutoencoder(n_init=1, max_iter=2, random_state=0).fit(X)
    places = pd.DataFrame(model.transform(X), X.index)
    for method in (model.fit, model.align):
        with pytest.raises(ValueError, match="reference has the id 'flower 149' where"):
            method(X, reference=places[::-1])
        np.testing.assert_array_equal(model.transform(X), places)
    some = places[:100].reindex(X.index)  # nan for others
    assert displacement(model.fit(X, reference=some).transform(X), places) < 0.1
