import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler

from stable_embedding import (
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
)
from stable_embedding.networks import variational
from tests.precision import assert_near


@pytest.mark.numeric
@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("hidden_layer_sizes", [(), (16,)])
def test_without_noise_and_weight_it_is_the_plain_one(
    init, hidden_layer_sizes, iris, monkeypatch
):
    monkeypatch.setattr(variational, "_FIRST_LOG_VARIANCE", -80.0)
    monkeypatch.setattr(variational, "_LOG_VARIANCES", (-90.0, 10.0))
    X, _ = iris
    shared = {
        "hidden_layer_sizes": hidden_layer_sizes,
        "init": init,
        "n_init": 3 if init == "pca" else 1,
        "max_iter": 5,
        "random_state": 0,
    }
    plain = StableAutoencoder(**shared).fit(X)
    model = VariationalAutoencoder(kl_weight=0, **shared).fit(X)
    # A network with a third part, whose noise is nearly zero, rounds otherwise.
    np.testing.assert_allclose(model.loss_curve_, plain.loss_curve_, rtol=1e-5)
    # The frames are other ones: here axes are permuted, there they are turned.
    assert_near(
        model.inverse_transform(model.transform(X)),
        plain.inverse_transform(plain.transform(X)),
        1e-4,
    )


@pytest.mark.slow
def test_the_bound_is_that_of_factor_analysis(rng):
    # A linear model with normal noise, whose likelihood is known in closed form.
    X = rng.normal(size=(3_000, 2)) @ rng.normal(size=(2, 5))
    X += 0.5 * rng.normal(size=X.shape)
    model = VariationalAutoencoder(
        2,
        hidden_layer_sizes=(),
        similarity_weight=0,
        alpha=0,
        max_iter=60,
        random_state=0,
    ).fit(X)
    likelihood = PCA(2).fit(X).score(X)
    bound = model.score_samples(X).mean()
    assert likelihood - 0.15 < bound <= likelihood + 0.01
    assert 0.2 < model.noise_variance_ < 0.3


@pytest.mark.numeric
def test_the_bound_is_in_the_units_of_the_data(iris):
    X, _ = iris
    models = [
        VariationalAutoencoder(max_iter=20, random_state=0).fit(unit * X)
        for unit in (1, 8)
    ]
    bounds = [model.score_samples(unit * X) for model, unit in zip(models, (1, 8))]
    np.testing.assert_allclose(bounds[0] - 4 * np.log(8), bounds[1], rtol=1e-3)
    assert models[1].noise_variance_ == pytest.approx(64 * models[0].noise_variance_)


@pytest.mark.parametrize("cls", [VariationalAutoencoder, TripletVariationalAutoencoder])
def test_a_small_chunk_does_not_replace_the_noise(cls, rng):
    X = rng.normal(size=(405, 2)) @ rng.normal(size=(2, 6)) + rng.normal(size=(405, 6))
    labels = np.arange(405) % 2
    model = cls(n_init=1, max_iter=10, random_state=0).fit(X[:400], labels[:400])
    noise, bound = model.noise_variance_, model.score_samples(X).mean()
    model.partial_fit(1e-3 * X[400:], labels[400:])
    assert 400 / 405 * noise <= model.noise_variance_ < noise
    assert model.score_samples(X).mean() == pytest.approx(bound, rel=0.01)
    # A warm start forgets earlier samples.
    model.set_params(warm_start=True).fit(1e-3 * X[400:], labels[400:])
    assert model.noise_variance_ < noise / 2


def test_samples_are_like_the_data(digits):
    X = digits[0][:900]
    model = VariationalAutoencoder(10, n_init=1, random_state=0).fit(X)
    drawn = model.sample(1_000, random_state=0)
    assert drawn.shape == (1_000, 64)
    np.testing.assert_array_equal(drawn, model.sample(1_000, random_state=0))
    assert np.abs(drawn.mean(axis=0) - X.mean(axis=0)).max() < 2
    assert 0.4 < drawn.var(axis=0).sum() / X.var(axis=0).sum() < 1.2
    likely = model.score_samples(drawn).mean()
    assert likely > model.score_samples(permuted(X)).mean()
    with pytest.raises(ValueError, match="n_samples=0"):
        model.sample(0)


def permuted(X):
    """Samples whose features are those of the data, but each from another sample."""
    rng = np.random.default_rng(0)
    return rng.permuted(X, axis=0)


def test_far_samples_are_unlikely(iris):
    X, _ = iris
    model = VariationalAutoencoder(max_iter=20, random_state=0).fit(X)
    bounds = [model.score_samples(scale * X).mean() for scale in (1, 10, 1e3, 1e6)]
    assert bounds == sorted(bounds, reverse=True)
    assert np.isfinite(bounds).all()


@pytest.mark.numeric
def test_the_mean_of_the_code_is_the_code(iris):
    X, _ = iris
    model = VariationalAutoencoder(n_init=1, max_iter=5, random_state=0).fit(X)
    samples = torch.from_numpy(((X - model.mean_) / model.scale_).astype(np.float32))
    means, _ = model.networks_[0].posterior(samples)
    assert_near(means.detach() * model.scale_, model.transform(X))


@pytest.mark.parametrize("init", ["pca", "random"])
def test_binary_features_have_probabilities(init, digits):
    X = MinMaxScaler().fit_transform(digits[0][:900])
    model = VariationalAutoencoder(
        10, likelihood="bernoulli", init=init, n_init=1, random_state=0
    ).fit(X)
    samples = model.inverse_transform(model.transform(X))
    assert 0 <= samples.min() < samples.max() <= 1
    assert np.isfinite(model.score_samples(samples)).all()
    assert np.isfinite(model.transform(model.sample(200, random_state=0))).all()
    assert model.score(X) > 0.6
    assert np.isnan(model.noise_variance_)
    mean = X.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        blind = np.nansum(X * np.log(mean) + (1 - X) * np.log1p(-mean), axis=1)
    bound = model.score_samples(X)
    assert bound.mean() > blind.mean()
    assert bound.max() < 0
    for counts in (digits[0], csr_array(digits[0])):
        with pytest.raises(ValueError, match=r"to 16.0; .* between 0 and 1"):
            model.fit(counts)
    # As a scaler's rounding leaves them.
    model.transform(X.clip(0, np.nextafter(1, 2)) + np.finfo(float).eps)


@pytest.mark.slow
def test_wide_samples_are_explained_as_well_by_coordinates(rng):
    X = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 200))
    X += 0.1 * rng.normal(size=X.shape)
    for hidden_layer_sizes in ((), (32,)):
        model = VariationalAutoencoder(
            6, hidden_layer_sizes=hidden_layer_sizes, random_state=0
        ).fit(X)
        assert model.score(X) > 0.9
        assert np.isfinite(model.score_samples(X)).all()


@pytest.mark.numeric
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_a_likelihood_that_is_set_later_changes_nothing(likelihood, digits):
    X = MinMaxScaler().fit_transform(digits[0][:300])
    model = VariationalAutoencoder(
        5, likelihood=likelihood, max_iter=5, random_state=0
    ).fit(X)
    samples = X if likelihood == "bernoulli" else 2 * X - 0.5

    def outputs():
        codes = model.transform(samples)
        yield codes
        yield model.inverse_transform(3 * codes)
        yield model.score_samples(samples)
        yield model.sample(20, random_state=0)

    before = [*outputs()]
    [other] = {"gaussian", "bernoulli"} - {likelihood}
    for later in (other, likelihood):
        model.set_params(likelihood=later)
        for found, expected in zip(outputs(), before, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("n_init", [1, 2])
def test_alpha_shrinks_the_weights_of_the_log_variances(n_init, iris):
    X, _ = iris
    sizes = []
    for alpha in (0.0, 1e3):
        model = VariationalAutoencoder(
            alpha=alpha,
            n_init=n_init,
            learning_rate_init=3e-3,
            max_iter=20,
            random_state=0,
        ).fit(X)
        sizes.append(model.networks_[0].log_variance.weight.abs().max().item())
    assert sizes[0] > 0.02
    assert sizes[1] < 1e-3
