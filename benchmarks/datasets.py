"""Data sets of the benchmarks, by name."""

from functools import cache
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

_BUNDLED = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "diabetes": datasets.load_diabetes,
    "breast cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
}

_N_FACTORS = 20

# Of MNIST; those for testing stand behind them.
MNIST_TRAINING_ROWS = 60_000

NAMES = (*_BUNDLED, "mnist")

# Features in units of their own, to be standardized before any use.
MIXED_UNITS = {"iris", "wine", "diabetes", "breast cancer"}


@cache
def load(name, data_dir=None):
    """Load rows and labels.

    Parameters
    ----------
    name : str
        One of `NAMES`.

    data_dir : path or None, default=None
        Folder with MNIST as ``mnist.npz`` in Keras's layout. Without it MNIST is
        fetched from OpenML.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Rows; MNIST's are the 60,000 for training before the 10,000 for testing, with
        pixels from 0 to 1.

    y : ndarray of shape (n_samples,)
        Labels.
    """
    if name != "mnist":
        return _BUNDLED[name](return_X_y=True)
    if data_dir is None:
        X, y = datasets.fetch_openml("mnist_784", return_X_y=True, as_frame=False)
        return X.astype(np.float32) / 255, y
    with np.load(Path(data_dir) / "mnist.npz") as archive:
        X = np.concatenate([archive["x_train"], archive["x_test"]])
        y = np.concatenate([archive["y_train"], archive["y_test"]])
    return X.reshape(len(X), -1).astype(np.float32) / 255, y


def split(name, X, y, seed):
    """Keep two thirds to train on; features of mixed units are standardized."""
    X, X_unseen, y, y_unseen = train_test_split(
        X, y, test_size=1 / 3, stratify=y, random_state=seed
    )
    if name in MIXED_UNITS:
        scaler = StandardScaler().fit(X)
        X, X_unseen = scaler.transform(X), scaler.transform(X_unseen)
    return X, X_unseen, y, y_unseen


def axes_of_factors(n_features, rng):
    """Draw the axes that rows lie along."""
    return rng.normal(size=(_N_FACTORS, n_features)).astype(np.float32)


def factors(n_rows, axes, noise, rng):
    """Draw rows along a few axes, and noise in all features, as float32."""
    scores = rng.normal(size=(n_rows, _N_FACTORS)).astype(np.float32)
    rows = noise * rng.standard_normal((n_rows, axes.shape[1]), dtype=np.float32)
    return rows + scores @ axes
