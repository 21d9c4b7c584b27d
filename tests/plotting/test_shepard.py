import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

from stable_embedding import StableAutoencoder
from stable_embedding.data import limits
from stable_embedding.networks import ConvolutionalEncoder
from stable_embedding.plotting import ShepardDisplay

plt = pytest.importorskip("matplotlib.pyplot")


def test_every_pair_is_drawn_with_the_best_line(rng):
    X = rng.normal(size=(40, 3))
    display = ShepardDisplay.from_embedding(X, 2 * X)
    (drawn,) = display.ax_.collections
    assert drawn.get_array().sum() == 40 * 39 / 2
    np.testing.assert_allclose(display.distances_embedded, 2 * pdist(X))
    assert display.ax_.get_legend().get_texts()[0].get_text().endswith("2.00 to 1")
    with pytest.raises(ValueError, match=r"\[40, 39\]"):
        ShepardDisplay.from_embedding(X, X[:39])


@pytest.mark.parametrize("convert", [np.asarray, list, torch.as_tensor])
def test_images_are_taken_as_by_the_estimator(convert, rng):
    images = rng.random((30, 6, 6))
    encoder = ConvolutionalEncoder((6, 6), n_maps=(2,))
    model = StableAutoencoder(encoder=encoder, max_iter=2, n_init=1).fit(images)
    display = ShepardDisplay.from_estimator(model, convert(images))
    np.testing.assert_allclose(display.distances, pdist(images.reshape(30, -1)))


def test_distances_in_the_data_are_needed():
    with pytest.raises(ValueError, match="all zero"):
        ShepardDisplay.from_embedding(np.ones((5, 2)), np.eye(5))
    assert not plt.get_fignums()


def test_pairs_of_many_samples_stay_together(rng, monkeypatch):
    monkeypatch.setattr(limits, "SHEPARD_SAMPLES", 20)
    X = rng.normal(size=(50, 3))
    display = ShepardDisplay.from_embedding(X, 3 * X)
    np.testing.assert_allclose(display.distances_embedded, 3 * display.distances)
    assert len(display.distances) == 20 * 19 / 2
