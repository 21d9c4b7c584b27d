"""The gallery's examples run, and show what they say."""

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from stable_embedding import StableAutoencoder

GALLERY = Path(__file__).parents[1] / "docs" / "gallery"


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_a_classifier_survives_retraining_and_with_a_plain_autoencoder_does_not(capsys):
    found = runpy.run_path(str(GALLERY / "plot_retrain.py"))["accuracy"]
    assert len(capsys.readouterr().out.splitlines()) == 2
    old, new = found["StableAutoencoder"]
    assert new > old - 0.02
    old, new = found["plain autoencoder"]
    assert new < old - 0.2


def test_every_example_is_run():
    assert [path.name for path in GALLERY.glob("plot_*.py")] == ["plot_retrain.py"]


@pytest.mark.parametrize("seed", range(1, 4))
def test_it_survives_whatever_the_split_and_the_seed(seed, digits):
    X, y = digits
    X_old, X_new, y_old, y_new = train_test_split(
        X, y, test_size=0.5, stratify=y, random_state=seed
    )
    first = StableAutoencoder(2, random_state=seed).fit(X_old)
    old_codes = first.transform(X_old)
    classifier = KNeighborsClassifier().fit(old_codes, y_old)
    second = StableAutoencoder(2, random_state=100 + seed).fit(X)
    second.align(X_old, old_codes)
    before = classifier.score(first.transform(X_new), y_new)
    assert classifier.score(second.transform(X_new), y_new) > before - 0.02
