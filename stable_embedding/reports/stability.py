"""Report of what changes an embedding: estimators are trained under perturbations."""

from contextlib import suppress
from html import escape
from numbers import Integral
from warnings import warn

import numpy as np
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.parallel import Parallel, delayed

from .._progress import progress_bar
from .._sklearn import Interval, num_samples, safe_indexing, validate_params
from ..data import limits
from ..data.containers import dense, indexable, readable
from ..data.images import images_as_rows
from ..data.sample_ids import check_same_samples
from ..data.subsample import fixed_subsample
from ..plotting.stability import StabilityDisplay
from ..quality import explained_variance
from ..stability.measures import (
    IncomparableError,
    displacement,
    manifold_variance,
    neighbor_overlap,
)
from ..stability.pipelines import (
    check_trains_on_samples,
    embedding_steps,
    inputs_of_last,
    last_step,
)
from ..training.seeds import draw_seeds, with_seed
from .html import display_section, table_section, write_page
from .perturbations import (
    PERTURBATIONS,
    numeric_columns,
    training_indices,
    with_noise,
)

_COMPARED = {
    "raw": "raw displacement (fraction of the variance)",
    "aligned": "aligned displacement (fraction of the variance)",
    "manifold_variance": "relative manifold variance",
    "neighbor_overlap": "neighbor overlap (Jaccard index)",
}

_MEASURES = _COMPARED | {"r2_sd": "standard deviation of R²"}


class StabilityReport:
    """Changes of embeddings, from :func:`stability_report`.

    Parameters
    ----------
    comparisons : list of dict
        Trainings under perturbations, with the items "estimator", "perturbation",
        "run", "raw", "aligned", "manifold_variance", "neighbor_overlap" and "r2".

    Attributes
    ----------
    rows : list of dict
        Means of the measures over runs, for each estimator and perturbation. The item
        "r2_sd" is the standard deviation of "r2".
    """

    def __init__(self, comparisons):
        self.comparisons = comparisons
        groups = {}
        for one in comparisons:
            key = one["estimator"], one["perturbation"]
            groups.setdefault(key, []).append(one)
        self.rows = [_summary(*key, runs) for key, runs in groups.items()]

    def to_frame(self):
        """Return the table as a pandas data frame. This needs pandas.

        Returns
        -------
        pandas.DataFrame
            Measures in columns, indexed by estimator and perturbation.
        """
        import pandas as pd

        return pd.DataFrame(self.rows).set_index(["estimator", "perturbation"])

    def plot(self, *, measure="raw", ax=None):
        """Draw one measure for all estimators, under each perturbation.

        Parameters
        ----------
        measure : str, default="raw"
            One of "raw", "aligned", "manifold_variance", "neighbor_overlap" and
            "r2_sd".

        ax : matplotlib Axes or None, default=None
            Axes to draw on, by default those of a new figure.

        Returns
        -------
        StabilityDisplay
        """
        if measure not in [*_MEASURES]:
            raise ValueError(f"measure={measure!r} must be one of {list(_MEASURES)}")
        values = {}
        for row in self.rows:
            of_estimator = values.setdefault(row["estimator"], {})
            of_estimator[row["perturbation"]] = row[measure]
        best_at_zero = measure != "neighbor_overlap"
        display = StabilityDisplay(values, _MEASURES[measure], log=best_at_zero)
        return display.plot(ax=ax)

    def to_html(self, path):
        """Write the table and a picture to an HTML file. This needs matplotlib.

        Parameters
        ----------
        path : str or path
            File to write. It needs no other files.
        """
        picture = display_section(
            "Raw displacement",
            self.plot(),
            "The raw displacement of each estimator under each perturbation, whose"
            " values are in the table above.",
        )
        table = table_section("Measures, as means over runs", self.rows)
        write_page(path, "Stability report", [table, picture])

    def __repr__(self):
        header, *lines = self._cells()
        table = [header, *lines]
        widths = [max(map(len, column)) for column in zip(*table)]
        return "\n".join(
            "  ".join(
                # The two columns of names are aligned left, numbers right.
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
    verbose=0,
):
    """Measure what changes the embeddings of several estimators.

    Use it to compare estimators before you choose one. Each is trained on X once for
    reference, and then `n_runs` times under each perturbation:

    ============  ==================================================================
    perturbation  what differs from the reference
    ============  ==================================================================
    "seed"        each ``random_state``, and nothing else
    "order"       the order of the samples
    "drop_one"    one sample is missing
    "drop_tenth"  a tenth of the samples are missing
    "noise"       Gaussian noise, 1 % of the standard deviation of each feature. In a
                  data frame, columns of numbers get it; in a sparse matrix, stored
                  values.
    "growth"      a third of the samples are missing, so the reference shows the
                  embedding after the data have grown by a half
    ============  ==================================================================

    The embedding of each training is compared with the reference on the samples that
    both were trained on. So estimators without `transform` can be compared with others.
    All estimators are trained under the same perturbations.

    Parameters
    ----------
    estimators : dict of str to estimator object
        Transformers, or pipelines with one, by their names in the report. A predictor
        at the end of a pipeline is left out unless it embeds after scalers alone, as
        ``LinearDiscriminantAnalysis`` does. Scalers after the embedding are left out
        too. Estimators are cloned.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples to train on, in a form that all estimators accept: for instance a data
        frame with text and missing values for pipelines that encode and impute.

    y : array-like of shape (n_samples,) or None, default=None
        Passed to `fit`.

    n_runs : int, default=5
        Number of trainings under each perturbation.

    perturbations : sequence of str
        Perturbations to apply, by default all. "noise" is left out, with a warning, if
        X has no column of numbers. Missing values stay missing, and text and booleans
        get no noise. Integers get noise unless their column has a categorical type.

    n_neighbors : int, default=10
        Number of neighbors to compare.

    random_state : int, RandomState instance or None, default=0
        Source of the seeds and of the perturbations.

    n_jobs : int or None, default=None
        Number of trainings at the same time, through the backends "loky", "threading"
        or "dask" of joblib. ``parallel_backend("dask")`` distributes them over a
        cluster.

    verbose : int, default=0
        With 1 a progress bar shows the trainings.

    Returns
    -------
    StabilityReport
        Report, which has

        - the raw displacement, see :func:`~stable_embedding.stability.displacement`,
        - the displacement after the best rigid map,
        - the relative :func:`manifold_variance` of the embedding and the reference,
        - the overlap of nearest neighbors, see
          :func:`~stable_embedding.stability.neighbor_overlap`,
        - the standard deviation over runs of the fraction of variance explained, on all
          samples or on the same 1,000. If X is numbers and the whole pipeline has an
          inverse, it is the variance of X, otherwise that of the last step's input.

        All but the last are means over runs. They are NaN if the embedding has
        collapsed, is not finite, or has another number of components than the
        reference. The standard deviation is NaN without an inverse, with one run, or
        if an encoder rejects a category that was not in its training data, as
        ``OneHotEncoder()`` does without ``handle_unknown="ignore"``.

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
    >>> stability_report(pca, X, perturbations=["seed", "order"])
    estimator  perturbation     raw  aligned  manifold_variance ...
    PCA        seed          0.0000   0.0000             0.0000 ...
    PCA        order         0.0000   0.0000             0.0000 ...
    """
    transformers = _check_estimators(estimators)
    perturbations = _check_perturbations(perturbations)
    check_same_samples(X, y, "y")
    X, y = indexable(readable(X)), readable(y, "y")
    if y is not None:
        check_consistent_length(X, y)
    perturbations = _applicable(perturbations, X)
    n_samples = num_samples(X)
    n_left = min(len(training_indices(name, n_samples, 0)) for name in perturbations)
    if n_neighbors >= n_left:
        raise ValueError(
            f"n_neighbors={n_neighbors} must be less than {n_left}, the number of"
            " samples that are left to compare"
        )
    seed, *seeds = draw_seeds(random_state, n_runs + 1)
    trainings = [
        (name, perturbation, run)
        for perturbation in (None, *perturbations)
        for run in range(n_runs if perturbation else 1)
        for name in transformers
    ]
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_train)(name, transformers[name], X, y, perturbation, seed, seeds[run])
        for name, perturbation, run in trainings
    )
    # All trainings end before the first comparison. An error between them would abort
    # the generator, and joblib warns of results that it has not handed out.
    with progress_bar(
        results,
        total=len(trainings),
        desc="report",
        unit="training",
        disable=not verbose,
    ) as bar:
        results = list(bar)
    references = {}
    comparisons = []
    for (name, perturbation, run), (kept, embedding, r2) in zip(trainings, results):
        if perturbation is None:
            references[name] = embedding
            continue
        labels = {"estimator": name, "perturbation": perturbation, "run": run}
        measures = _compare(labels, references[name][kept], embedding, n_neighbors)
        comparisons.append(labels | measures | {"r2": r2})
    return StabilityReport(comparisons)


def _check_estimators(estimators):
    if not estimators:
        raise ValueError("estimators is empty; pass at least one by name")
    transformers = {name: embedding_steps(one) for name, one in estimators.items()}
    for transformer in transformers.values():
        check_trains_on_samples(transformer)
    return transformers


def _check_perturbations(perturbations):
    unknown = [name for name in perturbations if name not in PERTURBATIONS]
    if unknown or not len(perturbations):
        raise ValueError(
            f"perturbations={perturbations!r} must be one or more of"
            f" {list(PERTURBATIONS)}"
        )
    return list(dict.fromkeys(perturbations))


def _applicable(perturbations, X):
    """Leave out noise, with a warning, where there is nothing to add it to."""
    if "noise" not in perturbations or numeric_columns(X):
        return perturbations
    others = [name for name in perturbations if name != "noise"]
    if not others:
        raise ValueError(
            "perturbations=['noise'] needs a column of numbers in X, which has none"
        )
    warn(
        "the perturbation 'noise' is left out: X has no column of numbers",
        stacklevel=4,
    )
    return others


class _TrainingNote:
    """Context that names the training in every error raised within it."""

    def __init__(self, name, perturbation):
        how = f"under {perturbation!r}" if perturbation else "for reference"
        self.note = f"in a training of {name!r} {how}"

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if error is not None:
            error.add_note(self.note)


def _train(name, transformer, X, y, perturbation, seed, seed_of_run):
    """Train once; return the indices of the samples, their embedding, and an R^2."""
    estimator = with_seed(transformer, seed_of_run if perturbation == "seed" else seed)
    kept = training_indices(perturbation, num_samples(X), seed_of_run)
    X_train = safe_indexing(X, kept)
    y_train = None if y is None else safe_indexing(y, kept)
    if perturbation == "noise":
        X_train = with_noise(X_train, seed_of_run)
    with _TrainingNote(name, perturbation):
        embedding = check_array(
            dense(estimator.fit_transform(X_train, y_train)),
            ensure_all_finite=False,
            input_name="the embedding",
        )
        return kept, embedding, _explained(estimator, X)


def _explained(estimator, X):
    """Fraction of variance explained, on the same samples each time, or NaN."""
    if not hasattr(estimator, "transform"):
        return float("nan")
    X = safe_indexing(X, fixed_subsample(num_samples(X), limits.REPORTED_SAMPLES))
    last = last_step(estimator)
    if last is not estimator and hasattr(estimator, "inverse_transform"):
        # X may be no numbers, or lack some; and an imputer may have no way back.
        with suppress(TypeError, ValueError, NotImplementedError):
            return _explained_by(estimator, X)
    if not hasattr(last, "inverse_transform"):
        return float("nan")
    # A category may be unknown, an inverse not learned (KernelPCA) or not supported for
    # these data (UMAP), and an embedding not finite.
    try:
        return _explained_by(last, inputs_of_last(estimator, X))
    except (ValueError, NotImplementedError):
        return float("nan")


def _explained_by(transformer, X):
    restored = transformer.inverse_transform(transformer.transform(X))
    return explained_variance(images_as_rows(X), images_as_rows(restored))


def _compare(labels, reference, embedding, n_neighbors):
    """Measure one training; NaN, with a warning, where no measure is defined."""
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
    except IncomparableError as error:
        warn(
            f"run {labels['run']} of {labels['estimator']!r} under"
            f" {labels['perturbation']!r} cannot be compared: {error}",
            RuntimeWarning,
            stacklevel=4,
        )
        return dict.fromkeys(_COMPARED, float("nan"))
