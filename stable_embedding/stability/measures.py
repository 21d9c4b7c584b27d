r"""Measures of how much an embedding changes from training to training.

Several trainings give several embeddings of the same samples. A reader of an embedding
sees distances, up to a unit. So each embedding is reduced to its normalized distances
:math:`\tilde D_r = D_r / \operatorname{mean}_{i<j} (D_r)_{ij}`, and their variance over
trainings is measured. Shift, rotation, reflection and uniform scale of an embedding do
not count.

Without the normalization an embedding that shrinks would seem to become stable. An
embedding that has collapsed to one point is refused for the same reason.
"""

import numpy as np
from scipy.spatial.distance import cdist, pdist
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array, gen_batches

from ..data import limits
from ..data.columns import check_finite, column_names, columns_named
from ..data.containers import dense
from ..data.subsample import fixed_subsample
from ..networks.frame import rigid_map_onto

_DTYPES = (np.float64, np.float32)


class IncomparableError(ValueError):
    """Raised for embeddings that have no measure, although the arguments are valid.

    They have collapsed, hold NaN or infinity, or differ in their number of components.
    """


def check_embeddings(embeddings):
    """Check several embeddings of the same samples.

    Parameters
    ----------
    embeddings : array-like of shape (n_runs, n_samples, n_components) or list
        Two or more embeddings of the same samples, each of shape
        (n_samples, n_components_of_the_run).

    Returns
    -------
    list of ndarray of shape (n_samples, n_components_of_the_run), dtype float64
        Each centered and divided by its largest absolute value.

    Raises
    ------
    IncomparableError
        If an embedding holds NaN or infinity, or has collapsed to one point.

    ValueError
        If there are fewer than two embeddings or samples, or the numbers of samples
        differ.
    """
    runs = [
        _check_finite(run, f"embeddings[{i}]", dtype=_DTYPES)
        for i, run in enumerate(embeddings)
    ]
    if len(runs) < 2:
        raise ValueError(f"embeddings has {len(runs)} run(s); a variance needs two")
    lengths = [len(run) for run in runs]
    if min(lengths) < 2 or len(set(lengths)) > 1:
        raise ValueError(
            f"embeddings have {lengths} samples; all must embed the same samples, two"
            " or more"
        )
    return [_standardized(run, i) for i, run in enumerate(runs)]


def _check_finite(embedding, name, dtype):
    """Check one embedding, with an error of its own for NaN and infinity."""
    embedding = dense(embedding, name)
    with columns_named(embedding, name):
        values = check_array(
            embedding, dtype=dtype, ensure_all_finite=False, input_name=name
        )
    try:
        check_finite(values, name, column_names(embedding))
    except ValueError as error:
        raise IncomparableError(str(error)) from None
    return values


def _standardized(run, index):
    """Center and scale a run; raise if its samples differ by rounding errors alone."""
    largest = np.abs(run).max()
    rounding = len(run) * np.finfo(run.dtype).eps
    if largest > 0:
        run = run.astype(np.float64) / largest
    run = run - run.mean(axis=0)
    size = np.abs(run).max()
    if size <= rounding:
        raise IncomparableError(
            f"embeddings[{index}] has collapsed: all of its samples are at one point,"
            " so it has no distances to compare"
        )
    return run / size


def _mean_distance(run):
    """Mean distance over pairs i < j, computed in blocks of the matrix."""
    blocks = gen_batches(len(run), limits.DISTANCE_ROWS)
    total = sum(cdist(run[block], run).sum() for block in blocks)
    return total / (len(run) * (len(run) - 1))


def manifold_variance_matrix(embeddings):
    r"""Variance of each pair's normalized distance over several embeddings.

    .. math:: V_{ij} = \operatorname{Var}_r (\tilde D_r)_{ij},
              \qquad \tilde D_r = D_r / \operatorname{mean}_{i<j} (D_r)_{ij}

    Here :math:`D_r` holds the Euclidean distances between the samples in run :math:`r`,
    and the variance over runs is the unbiased one.

    Parameters
    ----------
    embeddings : array-like of shape (n_runs, n_samples, n_components) or list
        Two or more embeddings of the same samples, each of shape (n_samples,
        n_components_of_the_run).

    Returns
    -------
    ndarray of shape (n_samples, n_samples)
        Symmetric, without unit; 0 on the diagonal.

    Raises
    ------
    ValueError
        If an embedding holds NaN or infinity, or has collapsed to one point.

    See Also
    --------
    manifold_variance : Its mean over pairs.

    References
    ----------
    The matrix is named in *Autoencoder for Stable Embedding*, master's thesis, Ajou
    University, of which only the abstract is public; the definition is ours.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding import manifold_variance_matrix
    >>> line = np.array([[0.0], [1.0], [3.0]])
    >>> manifold_variance_matrix([line, -2 * line + 1]).round(12)
    array([[0., 0., 0.],
           [0., 0., 0.],
           [0., 0., 0.]])
    """
    runs = check_embeddings(embeddings)
    units = [_mean_distance(run) for run in runs]
    variance = np.empty((len(runs[0]), len(runs[0])))
    for block in gen_batches(len(runs[0]), limits.DISTANCE_ROWS):
        distances = [cdist(run[block], run) / unit for run, unit in zip(runs, units)]
        variance[block] = np.var(distances, axis=0, ddof=1)
    return variance


def manifold_variance(embeddings, *, relative=False):
    r"""Mean variance of normalized distances over several embeddings: 0 is stable.

    It is the mean of :func:`manifold_variance_matrix` over pairs :math:`i<j`. With
    `relative` it is divided by the variance of the normalized distances within an
    embedding,

    .. math:: \operatorname{mean}_r \operatorname{Var}_{i<j} (\tilde D_r)_{ij}

    The relative variance is about 1 for unrelated embeddings, at any number of
    components. It is 0 if and only if the embeddings agree up to shift, rotation,
    reflection and uniform scale.

    Parameters
    ----------
    embeddings : array-like of shape (n_runs, n_samples, n_components) or list
        Two or more embeddings of the same samples, each of shape (n_samples,
        n_components_of_the_run). Of more than 2,000 samples the same 2,000 are used at
        each call.

    relative : bool, default=False
        Whether to divide by the variance within an embedding.

    Returns
    -------
    float
        Without unit, 0.0 at best.

    Raises
    ------
    ValueError
        If an embedding holds NaN or infinity, or has collapsed: all samples are at one
        point, or with `relative` all distances are equal.

    See Also
    --------
    manifold_variance_matrix : The variance of each pair.
    manifold_variance_score : The same for an estimator, as a score.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding import manifold_variance
    >>> rng = np.random.default_rng(0)
    >>> unrelated = rng.normal(size=(5, 200, 2))
    >>> round(manifold_variance(unrelated, relative=True), 1)
    1.0
    >>> manifold_variance([unrelated[0], 3 * unrelated[0] - 1], relative=True) < 1e-12
    True
    """
    runs = check_embeddings(embeddings)
    kept = fixed_subsample(len(runs[0]), limits.MEASURED_SAMPLES)
    runs = [run[kept] for run in runs]
    distances = [pdist(_standardized(run, i)) for i, run in enumerate(runs)]
    distances = [of_run / of_run.mean() for of_run in distances]
    between = _variance_over_runs(distances).mean()
    if not relative:
        return float(between)
    within = np.mean([of_run.var() for of_run in distances])
    if within <= np.finfo(np.float64).eps:
        raise IncomparableError(
            "embeddings have collapsed: all of their distances are equal, so there is"
            " no variance within them to relate to"
        )
    return float(between / within)


def _variance_over_runs(distances):
    """Unbiased variance over runs. Only one deviation is in memory at a time."""
    mean = sum(distances) / len(distances)
    return sum((of_run - mean) ** 2 for of_run in distances) / (len(distances) - 1)


def displacement(first, second, *, aligned=False):
    r"""Mean squared distance between two runs' codes, relative to their variance.

    .. math:: \operatorname{mean}_i |a_i - b_i|^2 \Big/
              \tfrac12 (\operatorname{Var} a + \operatorname{Var} b)

    with total variances :math:`\operatorname{Var} a = \operatorname{mean}_i
    |a_i - \bar a|^2`. It matters to whoever reads coordinates: a classifier trained on
    old codes, or a person who knows the old picture.

    Parameters
    ----------
    first, second : array-like of shape (n_samples, n_components)
        Two embeddings of the same samples.

    aligned : bool, default=False
        Whether to align the second embedding with the first by the best rigid map
        before they are compared.

    Returns
    -------
    float
        0.0 if no sample moves, about 2.0 for unrelated embeddings that are centered.

    Raises
    ------
    ValueError
        If an embedding holds NaN or infinity, both have collapsed to one point, or
        their shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.stability import displacement
    >>> line = np.array([[-1.0], [0.0], [1.0]])
    >>> displacement(line, -line)
    4.0
    >>> displacement(line, -line, aligned=True)
    0.0
    """
    first, second = _check_pair(first, second)
    if aligned:
        second = rigid_map_onto(second, first)(second)
    variance = (first.var(axis=0).sum() + second.var(axis=0).sum()) / 2
    rounding = len(first) * np.finfo(np.float64).eps * np.abs([first, second]).max()
    if variance <= rounding**2:
        raise IncomparableError(
            "embeddings have collapsed: all samples are at one point"
        )
    return float(np.square(first - second).sum(axis=1).mean() / variance)


def neighbor_overlap(first, second, *, n_neighbors=10):
    r"""Fraction of nearest neighbors that two embeddings have in common.

    It is the mean over samples of the Jaccard index
    :math:`|A_i \cap B_i| / |A_i \cup B_i|` of the nearest neighbors in one embedding
    and in the other.

    Parameters
    ----------
    first, second : array-like of shape (n_samples, n_components)
        Two embeddings of the same samples.

    n_neighbors : int, default=10
        Number of neighbors of each sample, less than the number of samples.

    Returns
    -------
    float
        Between 0.0, if no neighbor is common, and 1.0, if all are.

    Raises
    ------
    ValueError
        If an embedding holds NaN or infinity, their shapes differ, or `n_neighbors` is
        too large.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.stability import neighbor_overlap
    >>> line = np.arange(8.0)[:, None]
    >>> neighbor_overlap(line, line + 1, n_neighbors=2)
    1.0
    """
    first, second = _check_pair(first, second)
    if n_neighbors >= len(first):
        raise ValueError(
            f"n_neighbors={n_neighbors} must be less than the number of samples,"
            f" {len(first)}"
        )
    search = NearestNeighbors(n_neighbors=n_neighbors)
    graphs = [search.fit(run).kneighbors_graph() for run in (first, second)]
    common = graphs[0].multiply(graphs[1]).sum(axis=1)
    return float(np.mean(common / (2 * n_neighbors - common)))


def _check_pair(first, second):
    """Check two embeddings of the same samples in as many components; in float64."""
    first = _check_finite(first, "first", dtype=np.float64)
    second = _check_finite(second, "second", dtype=np.float64)
    if first.shape != second.shape:
        # The number of components may depend on the data, as in PCA(0.95). Another
        # number of samples is a mistake of the caller.
        error = IncomparableError if len(first) == len(second) else ValueError
        raise error(
            f"first has shape {first.shape} and second {second.shape}; both must embed"
            " the same samples in the same number of components"
        )
    return first, second


def nearest_to_consensus(embeddings):
    """Find the run whose normalized distances are nearest to their mean over runs.

    Parameters
    ----------
    embeddings : sequence of ndarray of shape (n_samples, n_components)
        One or more embeddings of the same samples. Of more than 1,000 samples the same
        1,000 are used at each call.

    Returns
    -------
    int
        Index of the run. A collapsed run is returned only if all have collapsed.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.stability.measures import nearest_to_consensus
    >>> line = np.array([[0.0], [1.0], [3.0]])
    >>> nearest_to_consensus([line, line**2, line**1.1])
    2
    """
    kept = fixed_subsample(len(embeddings[0]), limits.CONSENSUS_SAMPLES)
    distances = [pdist(run[kept]) for run in embeddings]
    spread = [i for i, of_run in enumerate(distances) if of_run.mean() > 0]
    if not spread:
        return 0
    normalized = [distances[i] / distances[i].mean() for i in spread]
    consensus = np.mean(normalized, axis=0)
    return spread[np.argmin([np.square(d - consensus).sum() for d in normalized])]
