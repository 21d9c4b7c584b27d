"""How strongly to shrink a network toward PCA, judged by the data."""

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches, resample

# Rows and neighbors by which the residuals of PCA are predicted.
_SAMPLE_ROWS = 5_000
_N_NEIGHBORS = 5

# Rows of a block, whose neighbors' residuals are held at once.
_BLOCK_ROWS = 128

# Below this share of predictable residuals there is less and less to gain on PCA.
_CLEAR_SHARE = 0.03

# More than this leaves PCA, and nothing of the network.
_STRONGEST = 100.0


def predictable_fraction(rows, axes):
    r"""Share of PCA's residuals that PCA's scores predict, by nearest neighbors.

    Whatever a decoder adds to PCA, it computes from the codes. Each row's residual is
    predicted by the mean of those of the :math:`K` rows nearest in the scores, itself
    left out. If the two are unrelated that mean adds the :math:`K`-th part of their
    variance to the error; the share is corrected for it.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        Centered; above 5,000 a sample of them is used.

    axes : ndarray of shape (n_components, n_features)
        Principal axes.

    Returns
    -------
    float
        About 0 where nothing is to be gained on PCA (noise, linear factors), 1 where
        residuals are a smooth function of the scores.
    """
    if len(rows) > _SAMPLE_ROWS:
        rows = resample(rows, replace=False, n_samples=_SAMPLE_ROWS, random_state=0)
    scores = rows @ axes.T
    residuals = rows - scores @ axes
    total = np.square(residuals).sum()
    n_neighbors = min(_N_NEIGHBORS, len(rows) - 1)
    if total <= 1e-6 * np.square(rows).sum():
        return 0.0
    nearest = NearestNeighbors(n_neighbors=n_neighbors).fit(scores)
    index = nearest.kneighbors(return_distance=False)
    error = sum(
        np.square(residuals[block] - residuals[index[block]].mean(axis=1)).sum()
        for block in gen_batches(len(rows), _BLOCK_ROWS)
    )
    return float(1 - error / total / (1 + 1 / n_neighbors))


def auto_alpha(rows, axes, n_samples):
    r"""Choose the weight decay of a network that starts as PCA.

    :math:`(1000/n)^{1.2}`, times :math:`(0.03/p)^2` where the predictable share
    :math:`p` of the residuals is below 0.03, and 100 at most.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Rows to train on, centered.

    axes : ndarray of shape (n_components, n_features)
        Their principal axes.

    n_samples : int
        Number of rows seen in all.

    Returns
    -------
    float
        For rows of unit total variance.
    """
    share = predictable_fraction(rows, axes)
    if share <= 0:
        return _STRONGEST
    doubt = max(1.0, _CLEAR_SHARE / share) ** 2
    return min(_STRONGEST, doubt * (1_000 / n_samples) ** 1.2)
