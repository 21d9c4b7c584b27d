r"""How much a map moves from training to training.

Several trainings give several embeddings of the same points. What a reader sees in an
embedding are its distances, up to a unit; so each embedding is reduced to its
normalized distances :math:`\tilde D_r = D_r / \operatorname{mean}_{i<j} (D_r)_{ij}`,
and what varies from training to training is their variance. Shift, rotation,
reflection and uniform scale of an embedding do not count.

The normalization keeps the measure honest: without it a map that shrinks would seem to
become stable. A map that has collapsed to one point is refused for the same reason.
"""

import numpy as np
from scipy.spatial.distance import cdist, pdist
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array, gen_batches

from ..data.subsample import fixed_subsample
from ..networks.frame import rigid_map_onto

# Above this number of points the variance is taken over pairs of a fixed subsample.
MAX_POINTS = 2_000

# The same where a run is chosen.
_CONSENSUS_POINTS = 1_000

# Rows of the distance matrices that are held at once.
_BLOCK_ROWS = 256

_DTYPES = (np.float64, np.float32)


def check_embeddings(embeddings):
    """Check several embeddings of the same points.

    Parameters
    ----------
    embeddings : array-like of shape (n_runs, n_samples, n_components) or list
        Two runs or more of the same points, two or more, each of shape
        (n_samples, n_components_of_the_run).

    Returns
    -------
    list of ndarray of shape (n_samples, n_components_of_the_run), dtype float64
        Each centered and of unit size.
    """
    runs = [
        check_array(run, dtype=_DTYPES, input_name=f"embeddings[{i}]")
        for i, run in enumerate(embeddings)
    ]
    if len(runs) < 2:
        raise ValueError(f"embeddings has {len(runs)} run(s); a variance needs two")
    lengths = [len(run) for run in runs]
    if min(lengths) < 2 or len(set(lengths)) > 1:
        raise ValueError(
            f"embeddings have {lengths} points; all must embed the same points, two"
            " or more"
        )
    return [_standardized(run, i) for i, run in enumerate(runs)]


def _standardized(run, index):
    """Center a run and give it unit size; raise if only rounding tells points apart."""
    largest = np.abs(run).max()
    rounding = len(run) * np.finfo(run.dtype).eps
    if largest > 0:
        run = run.astype(np.float64) / largest
    run = run - run.mean(axis=0)
    size = np.abs(run).max()
    if size <= rounding:
        raise ValueError(
            f"embeddings[{index}] has collapsed: all of its points are at one place,"
            " which is no stable map"
        )
    return run / size


def _mean_distance(run):
    """Mean distance over pairs i < j, in blocks of rows."""
    total = sum(
        cdist(run[rows], run).sum() for rows in gen_batches(len(run), _BLOCK_ROWS)
    )
    return total / (len(run) * (len(run) - 1))


def manifold_variance_matrix(embeddings):
    r"""Variance of each pair's normalized distance over several embeddings.

    .. math:: V_{ij} = \operatorname{Var}_r (\tilde D_r)_{ij},
              \qquad \tilde D_r = D_r / \operatorname{mean}_{i<j} (D_r)_{ij}

    with the unbiased variance over runs :math:`r`, and :math:`D_r` the Euclidean
    distances between the points of run :math:`r`.

    Parameters
    ----------
    embeddings : array-like of shape (n_runs, n_samples, n_components) or list
        The same points in two runs or more, each of shape (n_samples,
        n_components_of_the_run).

    Returns
    -------
    ndarray of shape (n_samples, n_samples)
        Symmetric, without unit; 0 on the diagonal.

    Raises
    ------
    ValueError
        If a run holds NaN or infinity, or has collapsed to one point.

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
    >>> manifold_variance_matrix([line, -2 * line + 1])
    array([[0., 0., 0.],
           [0., 0., 0.],
           [0., 0., 0.]])
    """
    runs = check_embeddings(embeddings)
    units = [_mean_distance(run) for run in runs]
    variance = np.empty((len(runs[0]), len(runs[0])))
    for rows in gen_batches(len(runs[0]), _BLOCK_ROWS):
        blocks = [cdist(run[rows], run) / unit for run, unit in zip(runs, units)]
        variance[rows] = np.var(blocks, axis=0, ddof=1)
    return variance


def manifold_variance(embeddings, *, relative=False):
    r"""Mean variance of normalized distances over several embeddings: 0 is stable.

    The mean over pairs :math:`i<j` of :func:`manifold_variance_matrix`. Relative, it
    is divided by the variance of the normalized distances within a map,

    .. math:: \operatorname{mean}_r \operatorname{Var}_{i<j} (\tilde D_r)_{ij}

    and is then about 1 for maps that have nothing to do with each other, at any number
    of components, and 0 if and only if they agree up to shift, rotation, reflection
    and uniform scale.

    Parameters
    ----------
    embeddings : array-like of shape (n_runs, n_samples, n_components) or list
        The same points in two runs or more, each of shape (n_samples,
        n_components_of_the_run). Above 2,000 points the same 2,000 are
        used at each call.

    relative : bool, default=False
        Whether to divide by the variance within a map.

    Returns
    -------
    float
        Without unit, 0.0 at best.

    Raises
    ------
    ValueError
        If a run holds NaN or infinity, or has collapsed: all points at one place, or
        with `relative` all distances alike.

    See Also
    --------
    manifold_variance_matrix : The variance of each pair.
    manifold_variance_score : The same of an estimator, as a score.

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
    kept = fixed_subsample(len(runs[0]), MAX_POINTS)
    runs = [run[kept] for run in runs]
    distances = [pdist(_standardized(run, i)) for i, run in enumerate(runs)]
    distances = [of_run / of_run.mean() for of_run in distances]
    between = _variance_over_runs(distances).mean()
    if not relative:
        return float(between)
    within = np.mean([of_run.var() for of_run in distances])
    if within <= np.finfo(np.float64).eps:
        raise ValueError(
            "embeddings have collapsed: all of their distances are alike, so that"
            " there is nothing to relate their variance to"
        )
    return float(between / within)


def _variance_over_runs(distances):
    """Unbiased variance over runs, one run at a time on top of their mean."""
    mean = sum(distances) / len(distances)
    return sum((of_run - mean) ** 2 for of_run in distances) / (len(distances) - 1)


def displacement(first, second, *, aligned=False):
    r"""Mean squared distance between two runs' codes, relative to their variance.

    .. math:: \operatorname{mean}_i |a_i - b_i|^2 \Big/
              \tfrac12 (\operatorname{Var} a + \operatorname{Var} b)

    with total variances :math:`\operatorname{Var} a = \operatorname{mean}_i
    |a_i - \bar a|^2`. This is what those notice who read coordinates: a classifier
    trained on old codes, or an eye that knows the old picture.

    Parameters
    ----------
    first, second : array-like of shape (n_samples, n_components)
        The same points in two runs.

    aligned : bool, default=False
        Whether to lay the second run on the first with the best rigid map before.

    Returns
    -------
    float
        0.0 if no point moves, 2.0 for centered maps that have nothing in common.

    Raises
    ------
    ValueError
        If a run holds NaN or infinity, or both have collapsed to one point.

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
    first, second = check_pair(first, second)
    if aligned:
        second = rigid_map_onto(second, first)(second)
    variance = (first.var(axis=0).sum() + second.var(axis=0).sum()) / 2
    rounding = len(first) * np.finfo(np.float64).eps * np.abs([first, second]).max()
    if variance <= rounding**2:
        raise ValueError("embeddings have collapsed: all points are at one place")
    return float(np.square(first - second).sum(axis=1).mean() / variance)


def neighbor_overlap(first, second, *, n_neighbors=10):
    r"""Share of nearest neighbors that two runs have in common, of all they have.

    The mean over points of the Jaccard index
    :math:`|A_i \cap B_i| / |A_i \cup B_i|` of their nearest neighbors in both runs.

    Parameters
    ----------
    first, second : array-like of shape (n_samples, n_components)
        The same points in two runs.

    n_neighbors : int, default=10
        Number of neighbors of each point, fewer than there are other points.

    Returns
    -------
    float
        Between 0.0, none, and 1.0, all.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.stability import neighbor_overlap
    >>> line = np.arange(8.0)[:, None]
    >>> neighbor_overlap(line, line + 1, n_neighbors=2)
    1.0
    """
    first, second = check_pair(first, second)
    if n_neighbors >= len(first):
        raise ValueError(
            f"n_neighbors={n_neighbors} must be less than the {len(first)} points"
        )
    search = NearestNeighbors(n_neighbors=n_neighbors)
    graphs = [search.fit(run).kneighbors_graph() for run in (first, second)]
    common = graphs[0].multiply(graphs[1]).sum(axis=1)
    return float(np.mean(common / (2 * n_neighbors - common)))


def check_pair(first, second):
    """Check two runs of the same points with as many components; in float64."""
    first = check_array(first, dtype=np.float64, input_name="first")
    second = check_array(second, dtype=np.float64, input_name="second")
    if first.shape != second.shape:
        raise ValueError(
            f"first has shape {first.shape} and second {second.shape}; both must be"
            " the same points, with as many components"
        )
    return first, second


def nearest_to_consensus(embeddings):
    """Find the run whose normalized distances are nearest to their mean over runs.

    Parameters
    ----------
    embeddings : sequence of ndarray of shape (n_samples, n_components)
        The same points in one run or more. Above 1,000 points the same 1,000 are used
        at each call.

    Returns
    -------
    int
        Index of the run. One that has collapsed is found only if all have.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.stability import nearest_to_consensus
    >>> line = np.array([[0.0], [1.0], [3.0]])
    >>> nearest_to_consensus([line, line**2, line**1.1])
    2
    """
    kept = fixed_subsample(len(embeddings[0]), _CONSENSUS_POINTS)
    distances = [pdist(run[kept]) for run in embeddings]
    spread = [i for i, of_run in enumerate(distances) if of_run.mean() > 0]
    if not spread:
        return 0
    normalized = [distances[i] / distances[i].mean() for i in spread]
    consensus = np.mean(normalized, axis=0)
    return spread[np.argmin([np.square(d - consensus).sum() for d in normalized])]
