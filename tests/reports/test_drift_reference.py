import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import (
    DriftReference,
    SemanticHashing,
    StableAutoencoder,
    drift_report,
)


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return rng.normal(size=(120, 2)) @ rng.normal(size=(2, 5)) + rng.normal(size=5)


@pytest.fixture(scope="module")
def pipeline(X):
    model = StableAutoencoder(n_init=1, max_iter=2, random_state=0)
    return make_pipeline(StandardScaler(), model).fit(X[:60])


def test_it_stands_for_the_samples(pipeline, X):
    kept = pickle.loads(pickle.dumps(DriftReference.from_estimator(pipeline, X[60:90])))
    for batch in (X[90:], 2 * X[90:]):
        assert (
            drift_report(pipeline, batch, kept).rows
            == drift_report(pipeline, batch, X[60:90]).rows
        )


def test_it_equals_itself_alone_and_can_be_a_key(pipeline, X):
    one, other = (DriftReference.from_estimator(pipeline, X[60:]) for _ in range(2))
    assert one == one
    assert one != other
    assert len({one, other}) == 2


def test_it_holds_sorted_numbers(pipeline, X):
    kept = DriftReference.from_estimator(pipeline, X[60:90])
    assert len(kept) == 30
    assert {kind: found.shape for kind, found in kept.values.items()} == {
        "error": (30, 1),
        "code": (30, 2),
        "feature": (30, 5),
    }
    assert all((np.diff(found, axis=0) >= 0).all() for found in kept.values.values())


def test_a_reference_of_another_estimator_is_refused(pipeline, X):
    other = StableAutoencoder(3, n_init=1, max_iter=2, random_state=0).fit(X)
    kept = DriftReference.from_estimator(other, X)
    with pytest.raises(ValueError, match="reference has 3 columns of kind 'code'"):
        drift_report(pipeline, X, kept)


def test_a_reference_of_the_same_shape_by_another_map_is_refused(pipeline, X):
    other = clone(pipeline).fit(X[60:])
    kept = DriftReference.from_estimator(other, X[:60])
    assert not drift_report(other, X[:60], kept).drifted
    with pytest.raises(ValueError, match="measured by another map"):
        drift_report(pipeline, X, kept)


@pytest.mark.parametrize("unit", [1e-5, 1.0, 2e4])
@pytest.mark.parametrize("offset", [0.0, 1.7e9])
def test_another_map_is_refused_in_any_unit(unit, offset, X):
    X = offset + max(unit, 1e-9 * offset) * X
    model = StableAutoencoder(n_init=1, max_iter=2, random_state=0)
    one, other = clone(model).fit(X[:60]), clone(model).fit(X[60:])
    kept = DriftReference.from_estimator(one, X)
    assert not drift_report(one, X, kept).drifted
    with pytest.raises(ValueError, match="measured by another map"):
        drift_report(other, X, kept)


@pytest.mark.parametrize("packed", [False, True])
def test_bits_of_another_map_are_refused(packed, X):
    hashing = SemanticHashing(4, packed=packed, n_init=1, max_iter=2, random_state=0)
    one, other = clone(hashing).fit(X[:60]), clone(hashing).fit(X[60:])
    other.mean_ = one.mean_
    kept = DriftReference.from_estimator(one, X)
    assert np.ptp(kept.landmarks, axis=0).all()
    assert not drift_report(one, X, kept).drifted
    with pytest.raises(ValueError, match="measured by another map"):
        drift_report(other, X, kept)


def test_an_estimator_without_errors_is_refused(X):
    with pytest.raises(TypeError, match="score_samples"):
        DriftReference.from_estimator(StandardScaler().fit(X), X)
