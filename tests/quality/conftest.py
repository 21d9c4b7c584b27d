import pytest


@pytest.fixture
def pair(rng):
    """Data without equal distances, and an embedding that keeps some of them."""
    X = rng.normal(size=(60, 4))
    return X, X[:, :2] + 0.3 * rng.normal(size=(60, 2))
