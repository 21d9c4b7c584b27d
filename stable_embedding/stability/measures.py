r"""Measures of how much an embedding changes from training to training.

Several trainings give several embeddings of the same samples. The manifold variance
compares their normalized distances
:math:`\tilde D_r = D_r / \operatorname{mean}_{i<j} (D_r)_{ij}`, where :math:`D_r` is
the matrix of distances between samples in run :math:`r`. Shift, rotation, reflection
and uniform scale of an embedding do not change it.

Without the normalization, an embedding would seem to become stable when it shrinks. For
the same reason an embedding that has collapsed to one point raises an error.
"""

from numbers import Integral

import numpy as np
from scipy.spatial.distance import cdist, pdist
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array, gen_batches

from ..data import limits
from ..data.columns import check_finite, column_names, columns_named
from ..data.containers import check_squares, dense
from ..data.distances import near_origin
from ..data.named_columns import check_same_columns
from ..data.sample_ids import check_same_samples
from ..data.subsample import fixed_subsample
from ..networks.frame import rigid_map_onto

_DTYPES = (np.float64, np.float32)


class IncomparableError(ValueError):
    """Raised for valid arguments whose embeddings cannot be compared.

    An embedding has collapsed, holds NaN or infinity, or differs from the others in its
    number of components.
    """


def check_embeddings(embeddings):
    """Validate and standardize several embeddings of the same samples.

    Parameters
    ----------
    embeddings : array-like of shape (n_runs, n_samples, n_components) or list
        Two or more embeddings of the same samples. The arrays of a list may differ in
        their number of components.

    Returns
    -------
    list of ndarray of shape (n_samples, n_components), dtype float64
        Each embedding centered and divided by its largest absolute value.

    Raises
    ------
    IncomparableError
        If an embedding holds NaN or infinity, or has collapsed to one point.

    ValueError
        If there are fewer than two embeddings or samples, the embeddings differ in
        their number of samples, or one is passed in place of a list.
    """
    if len(getattr(embeddings, "shape", ())) == 2:
        raise ValueError(
            f"embeddings has shape {tuple(embeddings.shape)}, as one embedding; pass a"
            " list of two or more embeddings of the same samples"
        )
    embeddings = {f"embeddings[{i}]": run for i, run in enumerate(embeddings)}
    for name, run in embeddings.items():
        check_same_samples(embeddings["embeddings[0]"], run, name, "embeddings[0]")
    runs = [_check_finite(run, name, _DTYPES) for name, run in embeddings.items()]
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
    """Validate an embedding; raise `IncomparableError` for NaN and infinity."""
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
    # That of the values, and that of their mean, which is computed in float64.
    rounding = 4 * np.finfo(run.dtype).eps + len(run) * np.finfo(np.float64).eps
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
    """Compute the mean distance over pairs i < j, in blocks of the matrix."""
    blocks = gen_batches(len(run), limits.DISTANCE_ROWS)
    total = sum(cdist(run[block], run).sum() for block in blocks)
    return total / (len(run) * (len(run) - 1))


def manifold_variance_matrix(embeddings):
    r"""Variance of each pair's normalized distance over several embeddings.

    .. math:: V_{ij} = \operatorname{Var}_r (\tilde D_r)_{ij},
              \qquad \tilde D_r = D_r / \operatorname{mean}_{i<j} (D_r)_{ij}

    where :math:`D_r` is the matrix of Euclidean distances between samples in run
    :math:`r`, and :math:`\operatorname{Var}_r` the unbiased variance over runs.

    Parameters
    ----------
    embeddings : array-like of shape (n_runs, n_samples, n_components) or list
        Two or more embeddings of the same samples. The arrays of a list may differ in
        their number of components.

    Returns
    -------
    ndarray of shape (n_samples, n_samples)
        Symmetric, without unit; 0 on the diagonal. All samples are used, so memory
        grows with the square of their number.

    Raises
    ------
    ValueError
        If there are fewer than two embeddings or samples, the embeddings differ in
        their number of samples, or one of them holds NaN or infinity or has collapsed
        to one point.

    See Also
    --------
    manifold_variance : Mean of the matrix over pairs.

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
    r"""Mean variance of pairwise distances over several embeddings; lower is better.

    This is the mean of :func:`manifold_variance_matrix` over pairs :math:`i<j`. With
    ``relative=True`` it is divided by the variance of the normalized distances
    :math:`\tilde D_r` within an embedding, averaged over runs :math:`r`:

    .. math:: \operatorname{mean}_r \operatorname{Var}_{i<j} (\tilde D_r)_{ij}

    The relative variance is about 1 for unrelated embeddings with any number of
    components. Both are 0 if and only if the embeddings agree up to shift, rotation,
    reflection and uniform scale.

    Parameters
    ----------
    embeddings : array-like of shape (n_runs, n_samples, n_components) or list
        Two or more embeddings of the same samples. The arrays of a list may differ in
        their number of components. If there are more than 2,000 samples, 2,000 of them
        are compared, the same ones in each call.

    relative : bool, default=False
        Whether to divide by the variance within an embedding. Use it to compare
        embeddings with different numbers of components.

    Returns
    -------
    float
        Without unit, 0.0 at best.

    Raises
    ------
    ValueError
        If there are fewer than two embeddings or samples, the embeddings differ in
        their number of samples, or one of them holds NaN or infinity or has collapsed
        to one point. With ``relative=True`` also if there are two samples, or all
        distances are equal.

    See Also
    --------
    manifold_variance_matrix : Variance of each pair.
    manifold_variance_score : Score of an estimator, from its relative variance.

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
    if relative and len(runs[0]) < 3:
        raise IncomparableError(
            "embeddings have 2 samples, whose one distance has no variance; a relative"
            " variance, or a score, needs three or more"
        )
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
            "embeddings have collapsed: all of their distances are equal, so the"
            " variance within them is zero and relative=True is undefined"
        )
    return float(between / within)


def _variance_over_runs(distances):
    """Compute the unbiased variance over runs, one deviation in memory at a time."""
    mean = sum(distances) / len(distances)
    return sum((of_run - mean) ** 2 for of_run in distances) / (len(distances) - 1)


def displacement(first, second, *, aligned=False):
    r"""Mean squared displacement of samples, relative to the embedding's variance.

    .. math:: \operatorname{mean}_i |a_i - b_i|^2 \Big/
              \tfrac12 (\operatorname{Var} a + \operatorname{Var} b)

    where :math:`a_i` and :math:`b_i` are the codes of sample :math:`i` in the first and
    in the second embedding, :math:`\bar a` is the mean of the :math:`a_i`, and
    :math:`\operatorname{Var} a = \operatorname{mean}_i |a_i - \bar a|^2` their total
    variance. Use it where coordinates matter: for a classifier that was trained on old
    codes, or for people who know the old picture.

    Parameters
    ----------
    first, second : array-like of shape (n_samples, n_components)
        Two embeddings of the same samples. Data frames with ids in their indexes must
        hold the same ids.

    aligned : bool, default=False
        Whether to align the second embedding with the first before the comparison, by
        a shift, a rotation and a reflection (orthogonal Procrustes). Their effect then
        does not count.

    Returns
    -------
    float
        0.0 if no sample moves, about 2.0 for unrelated centered embeddings. Multiply it
        by 100 for percent of the variance.

    Raises
    ------
    ValueError
        If an embedding holds NaN or infinity, both have collapsed to one point, or
        their shapes or the orders of their columns differ.

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
    check_same_columns(first, second, "second", "first")
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

    This is the mean over samples :math:`i` of the Jaccard index
    :math:`|A_i \cap B_i| / |A_i \cup B_i|`, where :math:`A_i` and :math:`B_i` are the
    `n_neighbors` nearest neighbors in the first and in the second embedding.

    Parameters
    ----------
    first, second : array-like of shape (n_samples, n_components)
        Two embeddings of the same samples. Data frames with ids in their indexes must
        hold the same ids.

    n_neighbors : int, default=10
        Number of neighbors of each sample, less than the number of samples. A larger
        number compares larger neighborhoods.

    Returns
    -------
    float
        Between 0.0, if the embeddings share no neighbors, and 1.0, if they share all.

    Raises
    ------
    ValueError
        If an embedding holds NaN or infinity, their shapes differ, or `n_neighbors` is
        not a whole number of 1 or more, or too large.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.stability import neighbor_overlap
    >>> line = np.arange(8.0)[:, None]
    >>> neighbor_overlap(line, line + 1, n_neighbors=2)
    1.0
    """
    first, second = _check_pair(first, second)
    if not (isinstance(n_neighbors, Integral) and 1 <= n_neighbors < len(first)):
        raise ValueError(
            f"n_neighbors={n_neighbors!r} must be a whole number, at least 1 and less"
            f" than the number of samples, {len(first)}"
        )
    search = NearestNeighbors(n_neighbors=n_neighbors)
    graphs = [
        search.fit(*near_origin(run)).kneighbors_graph() for run in (first, second)
    ]
    common = graphs[0].multiply(graphs[1]).sum(axis=1)
    return float(np.mean(common / (2 * n_neighbors - common)))


def _check_pair(first, second):
    """Validate two embeddings of equal shape, in float64."""
    check_same_samples(first, second, "second", "first")
    first = _check_finite(first, "first", dtype=np.float64)
    second = _check_finite(second, "second", dtype=np.float64)
    if first.shape != second.shape:
        # The number of components may depend on the data, as in PCA(0.95). Different
        # numbers of samples are a mistake of the caller.
        error = IncomparableError if len(first) == len(second) else ValueError
        raise error(
            f"first has shape {first.shape} and second {second.shape}; both must embed"
            " the same samples in the same number of components"
        )
    try:
        check_squares(first, "first")
        check_squares(second, "second")
    except ValueError as error:  # a method that diverges gives such codes
        raise IncomparableError(str(error)) from None
    return first, second


def nearest_to_consensus(embeddings):
    """Find the run whose normalized distances are nearest to their mean over runs.

    Parameters
    ----------
    embeddings : sequence of ndarray of shape (n_samples, n_components)
        One or more embeddings of the same samples. If there are more than 1,000
        samples, 1,000 of them are compared, the same ones in each call.

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
