"""Data sets of the benchmarks, by name."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from stable_embedding.data.subsample import fixed_subsample

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
_UNSEEN_IMAGES = 2_000

NAMES = (*_BUNDLED, "mnist")

# Features in units of their own, to be standardized before any use.
MIXED_UNITS = {"iris", "wine", "diabetes", "breast cancer"}


@cache
def small_sets():
    """Draw features of few rows, of which most have little that is not linear.

    Returns
    -------
    dict of str to ndarray
    """
    rng = np.random.default_rng(0)
    frame, _ = customers(500, rng)
    logs = 0.5 * rng.normal(size=(250, 10)) @ rng.normal(size=(10, 10))
    tails = rng.standard_t(2.5, size=(300, 12)) @ rng.normal(size=(12, 12))
    clusters, _ = datasets.make_classification(300, 15, n_informative=8, random_state=0)
    return {
        "noise": rng.normal(size=(300, 20)),
        "low rank": datasets.make_low_rank_matrix(200, 30, random_state=0),
        "clusters": clusters,
        "heavy tails": tails / tails.std(axis=0),
        "log-normal": np.exp(logs) / np.exp(logs).std(axis=0),
        "cube": rng.uniform(size=(400, 8)),
        "binary": (rng.random((300, 20)) < 0.3).astype(float),
        "customers": one_hot_and_standard(frame).transform(frame),
    }


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


def mnist(n_rows, data_dir):
    """Read images to train on, and some of those for testing."""
    X, y = load("mnist", data_dir)
    unseen = MNIST_TRAINING_ROWS + fixed_subsample(10_000, _UNSEEN_IMAGES)
    return X[:n_rows], X[unseen], y[:n_rows], y[unseen]


def adult(data_dir, n_rows):
    """Load people of the Adult data set, categories one-hot and numbers standardized.

    Parameters
    ----------
    data_dir : path
        Folder with ``adult.csv.gz``, the class in the last column.

    n_rows : int
        Rows to train on, and to fit the encoding on; 2,000 others are unseen.
    """
    frame = pd.read_csv(Path(data_dir) / "adult.csv.gz")
    frame = frame.sample(frac=1, random_state=0)[: n_rows + 2_000]
    features, y = frame.iloc[:, :-1], frame.iloc[:, -1].to_numpy()
    X = one_hot_and_standard(features[:n_rows]).transform(features)
    return X[:n_rows], X[n_rows:], y[:n_rows], y[n_rows:]


def news(data_dir):
    """Load 5,600 news as the TF-IDF of 3,000 words, sparse, and 2,000 unseen ones.

    Parameters
    ----------
    data_dir : path
        Folder with ``ag_news.csv.gz``: class, title and text.
    """
    frame = pd.read_csv(Path(data_dir) / "ag_news.csv.gz")
    frame = frame.sample(7_600, random_state=0)
    texts, y = frame["title"] + " " + frame["text"], frame["class"].to_numpy()
    words = TfidfVectorizer(max_features=3_000, stop_words="english")
    X = words.fit(texts[:5_600]).transform(texts).astype(np.float32)
    return X[:5_600], X[5_600:], y[:5_600], y[5_600:]


def customers(n_rows, rng):
    """Draw a mixed table of five groups of customers, and their group.

    Numbers have long tails and missing values, one category has forty levels.
    """
    group = rng.integers(5, size=n_rows)
    numbers = {
        "age": rng.normal(40 + 4 * group, 10),
        "income": np.exp(rng.normal(10 + 0.3 * group, 0.8)),
        "visits": rng.poisson(3 + 2 * group).astype(float),
        "spend": rng.gamma(1 + group, 50),
        "tenure": rng.exponential(3, n_rows),
    }
    for column in numbers.values():
        column[rng.random(n_rows) < 0.03] = np.nan
    levels = {
        "city": rng.zipf(1.4, n_rows).clip(1, 40),
        "plan": (group + rng.integers(2, size=n_rows)) % 4,
        "channel": rng.integers(6, size=n_rows),
        "gender": rng.integers(2, size=n_rows),
    }
    categories = {name: column.astype(str) for name, column in levels.items()}
    return pd.DataFrame(numbers | categories), group


def one_hot_and_standard(frame):
    """Fit an encoder: categories one-hot, numbers filled and standardized."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    ).fit(frame)


def axes_of_factors(n_features, rng):
    """Draw the axes that rows lie along."""
    return rng.normal(size=(_N_FACTORS, n_features)).astype(np.float32)


def factors(n_rows, axes, noise, rng):
    """Draw rows along a few axes, and noise in all features, as float32."""
    scores = rng.normal(size=(n_rows, _N_FACTORS)).astype(np.float32)
    rows = noise * rng.standard_normal((n_rows, axes.shape[1]), dtype=np.float32)
    return rows + scores @ axes
