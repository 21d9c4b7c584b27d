"""What moves a map: estimators trained again and again, each time disturbed."""

from html import escape
from numbers import Integral
from warnings import warn

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils import (
    _safe_indexing,
    check_array,
    check_consistent_length,
)
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples
from tqdm.auto import tqdm

from ..data.subsample import fixed_subsample
from ..plotting.displays import StabilityDisplay
from ..quality import explained_variance
from ..stability.measures import displacement, manifold_variance, neighbor_overlap
from ..stability.scoring import embedding_steps
from ..training.seeds import draw_seeds, with_seed

PERTURBATIONS = ("seed", "order", "drop_one", "drop_tenth", "noise", "growth")

# Noise of this share of the standard deviation of each feature.
_NOISE = 0.01

# Rows that are reconstructed; some inverses take long for each.
_RECONSTRUCTED_ROWS = 1_000

_COMPARED = {
    "raw": "raw displacement (share of the variance)",
    "aligned": "aligned displacement (share of the variance)",
    "manifold_variance": "relative manifold variance",
    "neighbor_overlap": "neighbor overlap (Jaccard index)",
}

_MEASURES = _COMPARED | {"r2_sd": "standard deviation of $R^2$"}


class StabilityReport:
    """How much maps moved, as found by :func:`stability_report`.

    Parameters
    ----------
    comparisons : list of dict
        One of each training that was disturbed, with the items "estimator",
        "perturbation", "run", "raw", "aligned", "manifold_variance",
        "neighbor_overlap" and "r2".

    Attributes
    ----------
    rows : list of dict
        One of each estimator and perturbation: the means of the measures over runs,
        and as "r2_sd" the standard deviation of "r2".
    """

    def __init__(self, comparisons):
        self.comparisons = comparisons
        groups = {}
        for one in comparisons:
            key = one["estimator"], one["perturbation"]
            groups.setdefault(key, []).append(one)
        self.rows = [_summary(*key, runs) for key, runs in groups.items()]

    def to_frame(self):
        """Return the table as a data frame of pandas, which must be installed.

        Returns
        -------
        pandas.DataFrame
            One row for each estimator and perturbation, which are its index, and a
            column for each measure.
        """
        import pandas as pd

        return pd.DataFrame(self.rows).set_index(["estimator", "perturbation"])

    def plot(self, *, measure="raw", ax=None):
        """Draw one measure of all estimators, under each perturbation.

        Parameters
        ----------
        measure : str, default="raw"
            One of "raw", "aligned", "manifold_variance", "neighbor_overlap" and
            "r2_sd".

        ax : matplotlib Axes or None, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        StabilityDisplay
        """
        if measure not in _MEASURES:
            raise ValueError(f"measure={measure!r} must be one of {list(_MEASURES)}")
        values = {}
        for row in self.rows:
            of_estimator = values.setdefault(row["estimator"], {})
            of_estimator[row["perturbation"]] = row[measure]
        changes = measure != "neighbor_overlap"  # whose best is 1, and not 0
        return StabilityDisplay(values, _MEASURES[measure], log=changes).plot(ax=ax)

    def __repr__(self):
        header, *lines = self._cells()
        table = [header, *lines]
        widths = [max(map(len, column)) for column in zip(*table)]
        return "\n".join(
            "  ".join(
                # Names stand on the left of their column, numbers on the right.
                cell.ljust(width) if i < 2 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths))
            ).rstrip()
            for line in table
        )

    def _repr_html_(self):
        header, *lines = [[escape(cell) for cell in line] for line in self._cells()]
        head = "".join(f"<th>{cell}</th>" for cell in header)
        body = "".join(
            f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _cells(self):
        yield ["estimator", "perturbation", *_MEASURES]
        for row in self.rows:
            measures = [row[name] for name in _MEASURES]
            cells = ["-" if np.isnan(value) else f"{value:.4f}" for value in measures]
            yield [str(row["estimator"]), row["perturbation"], *cells]


def _summary(estimator, perturbation, runs):
    means = {name: float(np.mean([one[name] for one in runs])) for name in _COMPARED}
    r2 = [one["r2"] for one in runs]
    r2_sd = float(np.std(r2, ddof=1)) if len(r2) > 1 else float("nan")
    return {
        "estimator": estimator,
        "perturbation": perturbation,
        **means,
        "r2_sd": r2_sd,
    }


@validate_params(
    {
        "estimators": [dict],
        "n_runs": [Interval(Integral, 1, None, closed="left")],
        "perturbations": ["array-like"],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def stability_report(
    estimators,
    X,
    y=None,
    *,
    n_runs=5,
    perturbations=PERTURBATIONS,
    n_neighbors=10,
    random_state=0,
    n_jobs=None,
    verbose=1,
):
    """Measure what moves the maps of some estimators.

    Each estimator is trained on X once for reference, and then `n_runs` times under
    each perturbation:

    ============  ==================================================================
    perturbation  what differs from the reference
    ============  ==================================================================
    "seed"        each ``random_state``, and nothing else
    "order"       the order of the rows
    "drop_one"    one row is missing
    "drop_tenth"  a tenth of the rows are missing
    "noise"       Gaussian noise, 1 % of the standard deviation of each feature
    "growth"      a third of the rows are missing, so that the reference shows the
                  map after the data have grown by a half
    ============  ==================================================================

    The embedding of each training is compared with the reference on the rows that both
    were trained on, so that estimators without `transform` can stand beside others.
    Each estimator meets the same perturbations.

    Parameters
    ----------
    estimators : dict of str to estimator object
        Transformers, or pipelines with one, by the names to show. If the last step of
        a pipeline has `predict`, the steps before it are looked at. They are cloned.

    X : array-like of shape (n_samples, n_features)
        Rows to train on.

    y : array-like of shape (n_samples,) or None, default=None
        Passed to `fit`.

    n_runs : int, default=5
        Number of trainings under each perturbation.

    perturbations : sequence of str
        Those to try, by default all.

    n_neighbors : int, default=10
        Number of neighbors that are compared.

    random_state : int, RandomState instance or None, default=0
        Source of the seeds and of the perturbations.

    n_jobs : int or None, default=None
        Number of trainings at the same time, through joblib, whose
        ``parallel_backend("dask")`` spreads them over a cluster.

    verbose : int, default=1
        With 0 there is no progress bar.

    Returns
    -------
    StabilityReport
        A table with the means over runs of

        - the raw displacement, see :func:`~stable_embedding.stability.displacement`,
        - the same after the best rigid map,
        - the relative :func:`manifold_variance` between both,
        - the overlap of nearest neighbors, see
          :func:`~stable_embedding.stability.neighbor_overlap`,

        and, of all rows or of the same 1,000, the standard deviation over runs of the
        share of variance that is explained. NaN are what a collapsed map leaves
        undefined, and that deviation without an inverse or with one run.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from stable_embedding import stability_report
    >>> X, _ = load_iris(return_X_y=True)
    >>> pca = {"PCA": PCA(2)}
    >>> stability_report(pca, X, perturbations=["seed", "order"], verbose=0)
    estimator  perturbation     raw  aligned  manifold_variance ...
    PCA        seed          0.0000   0.0000             0.0000 ...
    PCA        order         0.0000   0.0000             0.0000 ...
    """
    transformers = _check_estimators(estimators)
    perturbations = _check_perturbations(perturbations)
    values = check_array(X, dtype=np.float64)
    if y is not None:
        check_consistent_length(X, y)
    n_left = min(len(rows_of(name, len(values), 0)) for name in perturbations)
    if n_neighbors >= n_left:
        raise ValueError(
            f"n_neighbors={n_neighbors} must be less than {n_left}, the number of rows"
            " that are left to compare"
        )
    X = X if hasattr(X, "columns") else values
    seed, *seeds = draw_seeds(random_state, n_runs + 1)
    trainings = [
        (name, perturbation, run)
        for perturbation in (None, *perturbations)
        for run in range(n_runs if perturbation else 1)
        for name in transformers
    ]
    found = _BarParallel(n_jobs, verbose)(
        delayed(_train)(name, transformers[name], X, y, perturbation, seed, seeds[run])
        for name, perturbation, run in trainings
    )
    references = {}
    comparisons = []
    for (name, perturbation, run), (rows, embedding, r2) in zip(trainings, found):
        if perturbation is None:
            references[name] = embedding
            continue
        labels = {"estimator": name, "perturbation": perturbation, "run": run}
        measures = _compare(labels, references[name][rows], embedding, n_neighbors)
        comparisons.append(labels | measures | {"r2": r2})
    return StabilityReport(comparisons)


def _check_estimators(estimators):
    if not estimators:
        raise ValueError("estimators is empty; give one or more by name")
    return {name: embedding_steps(one) for name, one in estimators.items()}


def _check_perturbations(perturbations):
    unknown = [name for name in perturbations if name not in PERTURBATIONS]
    if unknown or not len(perturbations):
        raise ValueError(
            f"perturbations={perturbations!r} must be one or more of"
            f" {list(PERTURBATIONS)}"
        )
    return list(dict.fromkeys(perturbations))


def rows_of(perturbation, n_samples, seed):
    """Index of the rows that are trained on, in order; of all where none is dropped."""
    order = np.random.RandomState(seed).permutation(n_samples)
    if perturbation == "order":
        return order
    share = {"drop_one": 0, "drop_tenth": 1 / 10, "growth": 1 / 3}
    if perturbation not in share:
        return np.arange(n_samples)
    return np.sort(order[max(1, round(share[perturbation] * n_samples)) :])


def with_noise(X, seed):
    """Add noise in proportion to the spread of each feature."""
    values = check_array(X, dtype=np.float64)
    noise = np.random.RandomState(seed).normal(size=values.shape)
    values = values + _NOISE * values.std(axis=0) * noise
    if hasattr(X, "iloc"):
        return type(X)(values, index=X.index, columns=X.columns)
    return type(X)(dict(zip(X.columns, values.T))) if hasattr(X, "columns") else values


def _train(name, transformer, X, y, perturbation, seed, seed_of_run):
    """Train once; return the rows trained on, their embedding, and an R^2."""
    estimator = with_seed(transformer, seed_of_run if perturbation == "seed" else seed)
    rows = rows_of(perturbation, _num_samples(X), seed_of_run)
    X_seen = _safe_indexing(X, rows)
    y_seen = None if y is None else _safe_indexing(y, rows)
    if perturbation == "noise":
        X_seen = with_noise(X_seen, seed_of_run)
    try:
        embedding = check_array(
            estimator.fit_transform(X_seen, y_seen),
            ensure_all_finite=False,
            input_name="the embedding",
        )
        return rows, embedding, _explained(estimator, X)
    except Exception as error:
        how = f"under {perturbation!r}" if perturbation else "for reference"
        error.add_note(f"in a training of {name!r} {how}")
        raise


def _explained(estimator, X):
    """Share of variance explained of the same rows each time; NaN without inverse."""
    if not all(hasattr(estimator, name) for name in ("transform", "inverse_transform")):
        return float("nan")
    X = _safe_indexing(X, fixed_subsample(_num_samples(X), _RECONSTRUCTED_ROWS))
    try:
        return explained_variance(
            X, estimator.inverse_transform(estimator.transform(X))
        )
    except NotFittedError:  # as KernelPCA, which was not asked to learn an inverse
        return float("nan")


def _compare(labels, reference, embedding, n_neighbors):
    """Measures of one training; NaN, with a warning, where they are not defined."""
    try:
        return {
            "raw": displacement(reference, embedding),
            "aligned": displacement(reference, embedding, aligned=True),
            "manifold_variance": manifold_variance(
                [reference, embedding], relative=True
            ),
            "neighbor_overlap": neighbor_overlap(
                reference, embedding, n_neighbors=n_neighbors
            ),
        }
    except ValueError as error:
        warn(
            f"run {labels['run']} of {labels['estimator']!r} under"
            f" {labels['perturbation']!r} cannot be compared: {error}",
            RuntimeWarning,
            stacklevel=4,
        )
        return dict.fromkeys(_COMPARED, float("nan"))


class _BarParallel(Parallel):
    """Parallel trainings with one bar over them, on every backend of joblib."""

    def __init__(self, n_jobs, show):
        super().__init__(n_jobs=n_jobs)
        self.show = show

    def __call__(self, tasks):
        tasks = list(tasks)
        with tqdm(total=len(tasks), unit="training", disable=not self.show) as self.bar:
            return super().__call__(tasks)

    def print_progress(self):
        self.bar.update(self.n_completed_tasks - self.bar.n)
