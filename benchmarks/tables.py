"""What a map of a mixed table keeps, by how the table is encoded.

``python -m benchmarks.tables --data-dir FOLDER [--quick]`` embeds people of the Adult
data set, whose income and occupation are left out of the features. 4,000 are trained
on, and 2,000 others measured. Compared are plain one-hot encoding with all features
standardized, or with numbers alone standardized; `MixedDataEncoder` with the settings
in `ENCODERS`; prince's factor analysis of mixed data, if prince is installed; and
classical multidimensional scaling of Gower's distances, which embeds no unseen people:
it is given 1,500 of those that are measured, and others are predicted from them by
five folds.

- another seed, a person less: mean squared displacement of the map over its variance,
  raw, where the encoding is fitted anew too;
- 5-NN accuracy of income and of occupation;
- accuracy of the categories that come back, as a mean over columns; the most frequent
  levels have the one in the row "most frequent level";
- Pearson and Spearman correlation of distances in the map with Gower's.

Writes ``benchmarks/results/tables.csv``.
"""

import argparse
import warnings
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist, squareform
from scipy.stats import pearsonr, spearmanr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.manifold import ClassicalMDS
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tqdm.auto import tqdm

from stable_embedding import StableAutoencoder
from stable_embedding.preprocessing import MixedDataEncoder
from stable_embedding.stability import displacement

from .results import show, write

N_TRAINING, N_UNSEEN, N_COMPARED = 4_000, 2_000, 1_500
LABELS = ("income", "occupation")


def people(data_dir, n_training, n_unseen):
    """Read people to train on, and unseen ones, with what is left out of both."""
    frame = pd.read_csv(Path(data_dir) / "adult.csv.gz", keep_default_na=False)
    frame = frame.sample(frac=1, random_state=0)[: n_training + n_unseen]
    labels = {name: frame.pop(name).to_numpy() for name in LABELS}
    return frame[:n_training], frame[n_training:], labels


class OneHot(TransformerMixin, BaseEstimator):
    """One-hot encoding beside standardized numbers, or standardized as a whole."""

    def __init__(self, standardized):
        self.standardized = standardized

    def fit(self, X, y=None):
        """Learn levels and scales."""
        levels = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        self.numbers_ = X.select_dtypes("number").columns
        self.categories_ = X.select_dtypes(exclude="number").columns
        self.columns_ = make_column_transformer(
            (StandardScaler(), make_column_selector(dtype_include="number")),
            (levels, make_column_selector(dtype_exclude="number")),
        )
        encoded = self.columns_.fit_transform(X)
        self.scaler_ = StandardScaler(
            with_mean=self.standardized, with_std=self.standardized
        ).fit(encoded)
        return self

    def transform(self, X):
        """Encode people."""
        return self.scaler_.transform(self.columns_.transform(X))

    def inverse_transform(self, X):
        """Return the likeliest levels."""
        X = self.scaler_.inverse_transform(X)[:, len(self.numbers_) :]
        levels = self.columns_.transformers_[1][1].inverse_transform(X)
        return pd.DataFrame(levels, columns=self.categories_)


ENCODERS = {
    "one-hot, all standardized": partial(OneHot, standardized=True),
    "one-hot, numbers standardized": partial(OneHot, standardized=False),
    **{
        f"MixedDataEncoder, {distance}, {norm}": partial(
            MixedDataEncoder,
            distance=distance,
            norm=norm,
            handle_unknown="ignore",
            min_frequency=0.01 if distance == "chi2" else None,
        )
        for distance in ("matching", "chi2")
        for norm in ("variance", "eigenvalue")
    },
}


def embed(encoder, n_components, train, unseen, seed):
    """Fit an encoder and an autoencoder; return both, and codes."""
    pipeline = make_pipeline(
        ENCODERS[encoder](), StableAutoencoder(n_components, random_state=seed)
    ).fit(train)
    return pipeline, pipeline.transform(train), pipeline.transform(unseen)


def factor_analysis(n_components, train, unseen, seed):
    """Fit prince's factor analysis of mixed data."""
    from prince import FAMD

    numbers = list(train.select_dtypes("number").columns)
    categories = [name for name in train if name not in numbers]
    train, unseen = (
        part.astype(dict.fromkeys(numbers, float)) for part in (train, unseen)
    )
    model = FAMD(
        n_components=n_components,
        random_state=seed,
        handle_unknown="ignore",
        categorical_columns=categories,
    ).fit(train)
    return None, *(model.transform(part).to_numpy() for part in (train, unseen))


def gower_distances(frame, train):
    """Compute Gower's distances of all pairs, with the ranges of the training data."""
    numbers = frame.select_dtypes("number")
    ranges = np.ptp(train[numbers.columns].to_numpy(), axis=0)
    categories = frame.columns.difference(numbers.columns)
    levels = [pd.factorize(frame[name])[0] for name in categories]
    differing = len(levels) * pdist(np.column_stack(levels), "hamming")
    apart = pdist(numbers.to_numpy() / ranges, "cityblock")
    return (apart + differing) / frame.shape[1]


def correlations(gower, codes):
    """Correlate distances in the map with Gower's."""
    found = pdist(codes[:N_COMPARED])
    return {
        "pearson": f"{pearsonr(gower, found).statistic:.3f}",
        "spearman": f"{spearmanr(gower, found).statistic:.3f}",
    }


def category_accuracy(found, expected):
    """Accuracy of each category that comes back, as a mean over columns."""
    names = expected.select_dtypes(exclude="number").columns
    equal = [found[name].to_numpy() == expected[name].to_numpy() for name in names]
    return f"{np.mean(equal):.3f}"


def measure(fit, data, gower, n_seeds, n_dropped):
    """Fit several times, and measure the map of unseen people."""
    train, unseen, labels = data
    model, codes_of_train, codes = fit(train, unseen, seed=0)
    seeds = [codes, *(fit(train, unseen, seed=s)[-1] for s in range(1, n_seeds))]
    less = [train.drop(train.index[137 + 1_009 * i]) for i in range(n_dropped)]
    dropped = [fit(one, unseen, seed=0)[-1] for one in less]
    moved = np.mean([displacement(*two) for two in combinations(seeds, 2)])
    row = {
        "seed": f"{moved:.5f}",
        "dropped": f"{np.mean([displacement(codes, one) for one in dropped]):.5f}",
    }
    for name, y in labels.items():
        knn = KNeighborsClassifier().fit(codes_of_train, y[: len(train)])
        row[name] = f"{knn.score(codes, y[len(train) :]):.3f}"
    row["categories"] = "no"
    if model is not None:
        again = model[-1].inverse_transform(codes)
        row["categories"] = category_accuracy(model[0].inverse_transform(again), unseen)
    return row | correlations(gower, codes)


def scaling_of_gower(n_components, data, gower):
    """Measure classical multidimensional scaling of Gower's distances."""
    train, _, labels = data

    def embed(distances):
        model = ClassicalMDS(n_components=n_components, metric="precomputed")
        return model.fit_transform(distances)

    square = squareform(gower)
    codes = embed(square)
    kept = np.delete(np.arange(len(codes)), 137)
    moved = displacement(codes[kept], embed(square[np.ix_(kept, kept)]))
    row = {"seed": f"{0:.5f}", "dropped": f"{moved:.5f}"}
    for name, y in labels.items():
        of_these = y[len(train) :][: len(codes)]
        scores = cross_val_score(KNeighborsClassifier(), codes, of_these)
        row[name] = f"{scores.mean():.3f}"
    return row | {"categories": "no"} | correlations(gower, codes)


def baseline(data):
    """Measure what is known without a map: the most frequent of everything."""
    train, unseen, labels = data
    modes = pd.DataFrame(
        {name: np.repeat(train[name].mode()[0], len(unseen)) for name in train}
    )
    row = {"seed": "no", "dropped": "no"}
    for name, y in labels.items():
        levels, counts = np.unique(y[: len(train)], return_counts=True)
        row[name] = f"{(y[len(train) :] == levels[counts.argmax()]).mean():.3f}"
    categories = category_accuracy(modes, unseen)
    return row | {"categories": categories, "pearson": "no", "spearman": "no"}


def main():
    """Measure all, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few people, few fits")
    parser.add_argument("--data-dir", required=True, help="folder with adult.csv.gz")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)  # levels that are unknown
    quick = arguments.quick
    sizes = (500, 300) if quick else (N_TRAINING, N_UNSEEN)
    n_seeds, n_dropped = (2, 1) if quick else (3, 2)
    data = people(arguments.data_dir, *sizes)
    gower = gower_distances(data[1][:N_COMPARED], data[0])
    methods = {name: partial(embed, name) for name in ENCODERS}
    try:
        import prince  # noqa: F401
    except ImportError:
        print("prince is not installed, and left out")
    else:
        methods["prince's FAMD"] = factor_analysis
    rows = [{"components": "", "method": "most frequent level", **baseline(data)}]
    for n_components in (2, 10):
        for name, fit in tqdm(methods.items(), unit="method"):
            found = measure(partial(fit, n_components), data, gower, n_seeds, n_dropped)
            rows.append({"components": n_components, "method": name, **found})
            show(rows[-1])
        found = scaling_of_gower(n_components, data, gower)
        rows.append({"components": n_components, "method": "MDS of Gower's", **found})
        show(rows[-1])
    if not quick:
        write("tables", rows, seeds=f"0 to {n_seeds - 1}")


if __name__ == "__main__":
    main()
