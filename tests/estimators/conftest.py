import pytest

from stable_embedding import StableAutoencoder


@pytest.fixture(scope="session")
def quick():
    """Return what builds estimators of few epochs, which need not fit well."""

    def build(n_components=2, **parameters):
        return StableAutoencoder(
            n_components, **({"max_iter": 20, "n_init": 2} | parameters)
        )

    return build
