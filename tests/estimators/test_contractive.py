import numpy as np
import pytest

from stable_embedding import ContractiveAutoencoder, StableAutoencoder


def test_the_start_has_the_norm_of_a_projection(digits):
    model = ContractiveAutoencoder(5, learning_rate_init=1e-9, max_iter=1)
    assert model.fit(digits[0]).contraction_loss_ == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
def test_a_large_weight_makes_the_encoder_less_sensitive(digits, rng):
    X = digits[0]
    train, unseen = X[:1_200], X[1_200:]
    noise = 2 * rng.normal(size=unseen.shape)

    def sensitivity(model):
        codes = model.fit(train).transform(unseen)
        moved = model.transform(unseen + noise) - codes
        return np.square(moved).sum() / np.square(codes - codes.mean(axis=0)).sum()

    plain = sensitivity(StableAutoencoder(5, max_iter=30, n_init=1, random_state=0))
    contractive = sensitivity(
        ContractiveAutoencoder(
            5, contraction_weight=0.3, max_iter=30, n_init=1, random_state=0
        )
    )
    assert contractive < 0.9 * plain


@pytest.mark.numeric
def test_without_weight_it_is_the_plain_one(iris):
    X, _ = iris
    plain = StableAutoencoder(max_iter=3, random_state=0).fit(X)
    model = ContractiveAutoencoder(contraction_weight=0, max_iter=3, random_state=0)
    # The same steps, beside a Jacobian that nobody uses.
    np.testing.assert_allclose(
        model.fit(X).transform(X), plain.transform(X), rtol=1e-4, atol=1e-4
    )
    assert model.contraction_loss_ == 0
