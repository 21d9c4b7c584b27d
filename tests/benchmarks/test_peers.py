"""Methods of other packages look like scikit-learn's."""

import numpy as np
import pytest
from sklearn.base import clone

from benchmarks import peers
from benchmarks.peers import PEERS, Method, Peer, peer


@pytest.fixture
def drawn(monkeypatch):
    """A method whose map is drawn from its seed, and that embeds new samples."""

    def fit(X, seed):
        axes = np.random.default_rng(seed).normal(size=(X.shape[1], 2))
        return X @ axes, lambda new: new @ axes

    monkeypatch.setitem(PEERS, "drawn", Method("numpy", fit))
    return peer("drawn")


def test_a_peer_embeds_by_its_seed(drawn, iris):
    X, _ = iris
    model = drawn(0)
    codes = model.fit_transform(X)
    assert codes.shape == (len(X), 2)
    np.testing.assert_array_equal(model.transform(X), codes)
    np.testing.assert_array_equal(clone(model).fit_transform(X), codes)
    assert not np.allclose(drawn(1).fit_transform(X), codes)


def test_a_peer_that_cannot_embed_new_samples_has_no_transform(monkeypatch, iris):
    X, _ = iris
    monkeypatch.setitem(PEERS, "codes alone", Method("numpy", lambda X, _: (X, None)))
    model = peer("codes alone")(0)
    assert not hasattr(model, "transform")
    assert not hasattr(model.fit(X), "transform")


def test_a_class_is_given_its_seed_and_parameters(iris):
    X, _ = iris
    method = peers.estimator("sklearn.decomposition", "PCA", n_components=2)
    codes, embed = method.fit(X, 0)
    np.testing.assert_allclose(embed(X), codes)
    method = peers.estimator(
        "sklearn.decomposition", "PCA", seed=None, transforms=False, n_components=2
    )
    assert method.fit(X, 0)[1] is None


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setitem(PEERS, "missing", Method("no_such_package", None))
    with pytest.raises(ImportError, match="no_such_package"):
        peer("missing")(0)


@pytest.mark.filterwarnings("ignore")  # the peers' own
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_that_is_installed_embeds(name, digits):
    pytest.importorskip(PEERS[name].package)
    if PEERS[name].package == "sklearn.manifold":
        pytest.importorskip("sklearn", minversion="1.9")
    X = digits[0][:60]
    codes = Peer(name, random_state=0).fit_transform(X)
    assert codes.shape == (60, 2)
    assert np.isfinite(codes).all()
