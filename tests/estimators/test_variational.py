import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler

from stable_embedding import (
    StableAutoencoder,
    TripletVariationalAutoencoder,
    VariationalAutoencoder,
)
from stable_embedding.estimators.variational import (
    VariationalNetwork,
    kl_divergence,
    triplet_loss,
)
from stable_embedding.quality import neighbor_accuracy
from tests.precision import assert_near


@pytest.mark.numeric
def test_the_divergence_is_that_of_torch():
    means = torch.randn(9, 4, dtype=torch.float64)
    log_variances = torch.randn(9, 4, dtype=torch.float64)
    normal = torch.distributions.Normal(means, (log_variances / 2).exp())
    standard = torch.distributions.Normal(
        torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    )
    expected = torch.distributions.kl_divergence(normal, standard).sum(-1)
    torch.testing.assert_close(kl_divergence(means, log_variances), expected)


@pytest.mark.numeric
@pytest.mark.parametrize("init", ["pca", "random"])
@pytest.mark.parametrize("hidden_layer_sizes", [(), (16,)])
def test_without_noise_and_weight_it_is_the_plain_one(
    init, hidden_layer_sizes, iris, monkeypatch
):
    monkeypatch.setattr(
        "stable_embedding.estimators.variational._FIRST_LOG_VARIANCE", -80.0
    )
    monkeypatch.setattr(
        "stable_embedding.estimators.variational._LOG_VARIANCES", (-90.0, 10.0)
    )
    X, _ = iris
    shared = {
        "hidden_layer_sizes": hidden_layer_sizes,
        "init": init,
        "max_iter": 5,
        "random_state": 0,
    }
    plain = StableAutoencoder(**shared).fit(X)
    model = VariationalAutoencoder(kl_weight=0, **shared).fit(X)
    # Another kernel may multiply for the means, which are half of what is computed.
    np.testing.assert_allclose(model.loss_curve_, plain.loss_curve_, rtol=1e-5)
    # The frames are other ones: here axes are permuted, there they are turned.
    assert_near(
        model.inverse_transform(model.transform(X)),
        plain.inverse_transform(plain.transform(X)),
        1e-4,
    )


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


def test_samples_are_like_the_data(digits):
    X, _ = digits
    model = VariationalAutoencoder(10, random_state=0).fit(X)
    drawn = model.sample(1_000, random_state=0)
    assert drawn.shape == (1_000, 64)
    np.testing.assert_array_equal(drawn, model.sample(1_000, random_state=0))
    assert np.abs(drawn.mean(axis=0) - X.mean(axis=0)).max() < 2
    assert 0.4 < drawn.var(axis=0).sum() / X.var(axis=0).sum() < 1.2
    likely = model.score_samples(drawn).mean()
    assert likely > model.score_samples(rng_rows(X)).mean()
    with pytest.raises(ValueError, match="n_samples=0"):
        model.sample(0)


def rng_rows(X):
    """Rows whose features are those of the data, but each from another row."""
    rng = np.random.default_rng(0)
    return rng.permuted(X, axis=0)


def test_far_rows_are_unlikely(iris):
    X, _ = iris
    model = VariationalAutoencoder(max_iter=20, random_state=0).fit(X)
    bounds = [model.score_samples(scale * X).mean() for scale in (1, 10, 1e3, 1e6)]
    assert bounds == sorted(bounds, reverse=True)
    assert np.isfinite(bounds).all()


@pytest.mark.numeric
def test_the_mean_of_the_code_is_the_code(iris):
    X, _ = iris
    model = VariationalAutoencoder(max_iter=5, random_state=0).fit(X)
    rows = torch.from_numpy(((X - model.mean_) / model.scale_).astype(np.float32))
    means, _ = model.network_.posterior(rows)
    assert_near(means.detach() * model.scale_, model.transform(X))


@pytest.mark.numeric
def test_the_variances_follow_their_axes():
    network = VariationalNetwork(
        likelihood="gaussian",
        mean=torch.zeros(4),
        scale=1.0,
        n_features=4,
        n_components=3,
        hidden_layer_sizes=(5,),
        activation="tanh",
    )
    torch.nn.init.normal_(network.log_variance.weight)
    rows = torch.randn(7, 4)
    means, log_variances = network.posterior(rows)
    costs = network.costs(rows)[:, 1]
    turn = torch.tensor([[0.0, -1, 0], [0, 0, 1], [1, 0, 0]], dtype=torch.float64)
    network.fold(turn, torch.zeros(3, dtype=torch.float64))
    moved, moved_log_variances = network.posterior(rows)
    # Permuted weights may be multiplied by another part of the kernel.
    assert_near(moved.detach(), (means @ turn.float()).detach())
    expected = log_variances @ turn.float().abs()
    assert_near(moved_log_variances.detach(), expected.detach())
    assert_near(network.costs(rows)[:, 1].detach(), costs.detach())


@pytest.mark.parametrize("init", ["pca", "random"])
def test_binary_features_have_probabilities(init, digits):
    X = MinMaxScaler().fit_transform(digits[0])
    model = VariationalAutoencoder(
        10, likelihood="bernoulli", init=init, random_state=0
    ).fit(X)
    rows = model.inverse_transform(model.transform(X))
    assert 0 <= rows.min() < rows.max() <= 1
    assert np.isfinite(model.score_samples(rows)).all()
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


def test_wide_rows_are_explained_as_well_by_coordinates(rng):
    X = rng.normal(size=(400, 6)) @ rng.normal(size=(6, 200))
    X += 0.1 * rng.normal(size=X.shape)
    for hidden_layer_sizes in ((), (32,)):
        model = VariationalAutoencoder(
            6, hidden_layer_sizes=hidden_layer_sizes, random_state=0
        ).fit(X)
        assert model.score(X) > 0.9
        assert np.isfinite(model.score_samples(X)).all()


@pytest.mark.numeric
def test_the_triplet_loss_is_that_of_a_loop():
    codes, labels = torch.randn(12, 3), torch.arange(12) % 3
    excess = []
    for a in range(12):
        for p in range(12):
            for n in range(12):
                if p != a and labels[a] == labels[p] != labels[n]:
                    near = 0.5 * (codes[a] - codes[p]).square().sum()
                    far = 0.5 * (codes[a] - codes[n]).square().sum()
                    excess.append((near - far + 0.7).clamp_min(0))
    expected = torch.stack(excess).mean()
    torch.testing.assert_close(triplet_loss(codes, labels, 0.7), expected)
    stacked = triplet_loss(torch.stack([codes, 2 * codes]), labels.repeat(2, 1), 0.7)
    torch.testing.assert_close(stacked[0], expected)


@pytest.mark.numeric
def test_of_a_collapsed_map_the_triplet_loss_is_the_margin():
    labels = torch.arange(200) % 10
    collapsed = triplet_loss(torch.zeros(200, 2), labels, 0.7)
    assert collapsed == pytest.approx(0.7, rel=1e-5)
    assert triplet_loss(torch.zeros(200, 2), torch.zeros(200), 0.7) == 0
    assert triplet_loss(torch.zeros(1, 2), torch.zeros(1), 0.7) == 0


def test_labels_bring_classes_together(digits):
    X, y = digits
    names = np.array(list("abcdefghij"))[y]
    plain = VariationalAutoencoder(2, random_state=0).fit(X[:1_200])
    model = TripletVariationalAutoencoder(2, random_state=0).fit(
        X[:1_200], names[:1_200]
    )
    accuracies = [
        neighbor_accuracy(
            one.transform(X[:1_200]), y[:1_200], one.transform(X[1_200:]), y[1_200:]
        )
        for one in (plain, model)
    ]
    assert accuracies[1] > accuracies[0] + 0.03


@pytest.mark.numeric
def test_labels_follow_their_samples_in_another_order(digits):
    X, y = digits
    order = np.random.default_rng(0).permutation(len(X))
    model = TripletVariationalAutoencoder(2, max_iter=3, random_state=0)
    codes = clone(model).fit(X, y).transform(X)
    again = clone(model).fit(X[order], y[order]).transform(X)
    np.testing.assert_array_equal(again, codes)


def test_labels_are_asked_for(iris):
    X, y = iris
    with pytest.raises(ValueError, match="requires y to be passed"):
        TripletVariationalAutoencoder().fit(X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        TripletVariationalAutoencoder().fit(X, y[:-1])
    with pytest.raises(ValueError, match="Unknown label type"):
        TripletVariationalAutoencoder().fit(X, y + 0.5 * np.arange(150) / 7)
