"""Training that stops when validation samples no longer gain."""

import pytest
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from stable_embedding import ReconstructionOutlierDetector, StableAutoencoder
from stable_embedding.estimators.registry import ESTIMATORS
from stable_embedding.quality import explained_variance

AUTOENCODERS = [
    kind for kind in ESTIMATORS.values() if kind is not ReconstructionOutlierDetector
]


def test_early_stopping_holds_out_samples_and_stops(digits):
    X, _ = digits
    model = StableAutoencoder(
        early_stopping=True, n_iter_no_change=3, tol=0.05, n_init=2, random_state=0
    ).fit(X)
    assert 14 < model.n_iter_ < 47
    assert len(model.history_["validation_loss"]) == model.n_iter_


def test_early_stopping_does_not_take_slow_first_steps_for_the_end():
    X = StandardScaler().fit_transform(load_wine(return_X_y=True)[0])
    of_pca = explained_variance(
        X, (pca := PCA(2).fit(X)).inverse_transform(pca.transform(X))
    )
    model = StableAutoencoder(early_stopping=True, n_init=2, random_state=0).fit(X)
    assert model.score(X) > of_pca + 0.01


def test_early_stopping_needs_samples_to_hold_out(quick, rng):
    with pytest.raises(ValueError, match=r"validation_fraction=0.1 of 10 samples"):
        quick(early_stopping=True).fit(rng.normal(size=(10, 3)))


@pytest.mark.parametrize("kind", AUTOENCODERS, ids=lambda kind: kind.__name__)
def test_runs_of_every_sibling_stop(kind, iris):
    X, y = iris
    model = kind(3, n_init=2, max_iter=4, early_stopping=True, random_state=0)
    model.fit(X, y)
    assert len(model.history_["validation_loss"]) == model.n_iter_
