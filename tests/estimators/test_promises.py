"""What the autoencoder gains over a plain one and over PCA."""

from itertools import combinations

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.spatial.distance import pdist
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from stable_embedding import StableAutoencoder, manifold_variance
from stable_embedding.quality import explained_variance
from stable_embedding.stability import displacement

PLAIN = {"init": "random", "similarity_weight": 0, "learning_rate_init": 1e-3}


def unexplained(estimator, X):
    X_reconstructed = estimator.inverse_transform(estimator.transform(X))
    return 1 - explained_variance(X, X_reconstructed)


def mean_displacement(embeddings):
    """Mean over pairs of runs of the displacement between their codes."""
    return np.mean([displacement(*pair) for pair in combinations(embeddings, 2)])


N_SEEDS = 3


class Comparison:
    """Trainings of the plain and of the stable autoencoder, on unseen samples."""

    def __init__(self, X, y, n_components, scale=False):
        self.split = train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=0)
        if scale:
            scaler = StandardScaler().fit(self.split[0])
            self.split[:2] = [scaler.transform(part) for part in self.split[:2]]
        X_train, self.X_test, y_train, y_test = self.split
        self.pca = PCA(n_components).fit(X_train)
        self.embeddings, self.r2, self.accuracy = {}, {}, {}
        for name, parameters in (("plain", PLAIN), ("stable", {"n_init": 4})):
            models = [
                StableAutoencoder(n_components, random_state=seed, **parameters).fit(
                    X_train
                )
                for seed in range(N_SEEDS)
            ]
            codes = [model.transform(self.X_test) for model in models]
            assert np.isfinite(codes).all()
            self.embeddings[name] = codes
            self.r2[name] = [model.score(self.X_test) for model in models]
            self.accuracy[name] = [
                KNeighborsClassifier(5)
                .fit(model.transform(X_train), y_train)
                .score(of_model, y_test)
                for model, of_model in zip(models, codes)
            ]

    def reduction_of_variance(self):
        plain, stable = (
            manifold_variance(self.embeddings[n]) for n in ("plain", "stable")
        )
        return 1 - stable / plain


@pytest.fixture(scope="module", params=[2, 10])
def on_digits(request, digits):
    return request.param, Comparison(*digits, request.param)


@pytest.mark.slow
def test_digits_the_map_is_stable(on_digits):
    _, comparison = on_digits
    assert comparison.reduction_of_variance() > 0.95
    plain, stable = (np.std(comparison.r2[n], ddof=1) for n in ("plain", "stable"))
    assert stable < 0.2 * plain


@pytest.mark.slow
def test_digits_raw_coordinates_stay(on_digits):
    _, comparison = on_digits
    assert mean_displacement(comparison.embeddings["stable"]) < 0.02


@pytest.mark.slow
def test_digits_reconstruction_gains(on_digits):
    n_components, comparison = on_digits
    plain, stable = (1 - np.mean(comparison.r2[n]) for n in ("plain", "stable"))
    assert stable < plain
    if n_components == 10:
        assert stable < 0.76 * plain


@pytest.mark.slow
def test_digits_neighbors_are_no_worse(on_digits):
    _, comparison = on_digits
    plain, stable = (np.mean(comparison.accuracy[n]) for n in ("plain", "stable"))
    assert stable >= plain


@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "n_components"),
    [(load_wine, 2), (load_breast_cancer, 5)],
)
def test_small_data_are_as_stable_and_never_worse_than_pca(load, n_components):
    comparison = Comparison(*load(return_X_y=True), n_components, scale=True)
    assert comparison.reduction_of_variance() > 0.95
    of_pca = unexplained(comparison.pca, comparison.X_test)
    assert 1 - np.mean(comparison.r2["stable"]) <= of_pca


@pytest.mark.slow
@pytest.mark.parametrize("n_components", [2, 5])
def test_unseen_samples_are_never_worse_than_pca(n_components):
    for split in range(2):
        X = load_diabetes(return_X_y=True)[0]
        X_train, X_test = train_test_split(X, test_size=1 / 3, random_state=split)
        scaler = StandardScaler().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
        pca = unexplained(PCA(n_components).fit(X_train), X_test)
        ours = unexplained(
            StableAutoencoder(n_components, n_init=2).fit(X_train), X_test
        )
        assert ours <= 1.01 * pca


def heavy_tails(rng):
    return rng.standard_t(2.5, size=(300, 12)) @ rng.normal(size=(12, 12))


def noise_and_a_factor(rng):
    return rng.normal(size=(250, 10)) + rng.normal(size=(250, 1))


@pytest.mark.slow
@pytest.mark.parametrize("draw", [heavy_tails, noise_and_a_factor])
def test_where_nothing_can_be_gained_the_map_is_that_of_pca(draw, rng):
    ratios = []
    for split in range(4):
        X = StandardScaler().fit_transform(draw(rng))
        X_train, X_test = train_test_split(X, test_size=1 / 3, random_state=split)
        pca = unexplained(PCA(2).fit(X_train), X_test)
        ours = StableAutoencoder(2, n_init=1, random_state=split).fit(X_train)
        ratios.append(unexplained(ours, X_test) / pca)
    assert np.mean(ratios) < 1.005


def test_distances_follow_the_data(iris):
    X, _ = iris
    codes = StableAutoencoder(max_iter=200).fit_transform(X)
    assert np.corrcoef(pdist(codes), pdist(X))[0, 1] > 0.99
    assert pdist(codes).mean() == pytest.approx(pdist(X).mean(), rel=0.05)


def test_the_weight_buys_distances(digits):
    X, _ = digits
    kept = [
        StableAutoencoder(similarity_weight=weight, n_init=1, random_state=0)
        .fit(X[:400])
        .similarity_loss_
        for weight in (0.01, 10.0)
    ]
    assert kept[1] < kept[0]


@pytest.mark.parametrize("n_components", [1, 3])
def test_a_linear_network_is_pca(n_components, iris):
    X, _ = iris
    model = StableAutoencoder(
        n_components,
        activation="identity",
        hidden_layer_sizes=(),
        similarity_weight=0,
        random_state=0,
    ).fit(X)
    pca = PCA(n_components).fit(X)
    assert unexplained(model, X) == pytest.approx(unexplained(pca, X), rel=1e-3)
    decoders = [network.decoder for network in model.networks_]
    axes = sum(
        each.linear_path.weight + each.gain * each.last.weight for each in decoders
    )
    axes = axes.detach().numpy()
    assert subspace_angles(axes, pca.components_.T).max() < 1e-3


@pytest.mark.parametrize("alpha", [300.0, 1e3, 1e6])
def test_a_large_alpha_gives_pca(alpha, iris):
    X, _ = iris
    model = StableAutoencoder(alpha=alpha, n_init=2, max_iter=200).fit(X)
    pca = PCA(2).fit(X)
    assert unexplained(model, X) == pytest.approx(unexplained(pca, X), rel=0.02)
    codes, scores = model.transform(X), pca.transform(X)
    assert displacement(codes, scores * np.sign(np.sum(codes * scores, axis=0))) < 1e-3
