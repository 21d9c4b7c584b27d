"""What a map keeps of the data: functions of arrays, higher is better."""

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.utils import check_array, check_consistent_length


def explained_variance(X, X_reconstructed):
    r"""Share of the total variance of X that its reconstruction explains.

    .. math:: R^2 = 1 - \sum_i |x_i - \hat x_i|^2 \Big/ \sum_i |x_i - \bar x|^2

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The data.

    X_reconstructed : array-like of shape (n_samples, n_features)
        Their reconstruction.

    Returns
    -------
    float
        1.0 at best; 0.0 is as good as the mean of X.

    Notes
    -----
    Of data without constant features it is :func:`sklearn.metrics.r2_score` with
    ``multioutput="variance_weighted"``, which does not see errors in constant ones.

    Examples
    --------
    >>> from stable_embedding.quality import explained_variance
    >>> explained_variance([[0.0], [2.0]], [[0.0], [1.0]])
    0.5
    """
    X = check_array(X, dtype=np.float64)
    X_reconstructed = check_array(
        X_reconstructed, dtype=np.float64, input_name="X_reconstructed"
    )
    check_consistent_length(X, X_reconstructed)
    error = np.square(X - X_reconstructed).sum()
    return explained_share(error, np.square(X - X.mean(axis=0)).sum())


def explained_share(error, total):
    """One minus error over total; of constant data all or nothing, as in r2_score."""
    if total == 0:
        return float(error == 0)
    return float(1 - error / total)


def distance_correlation(X, X_embedded):
    """Pearson correlation of the pairwise distances of data and embedding.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The data. All pairs are held at once, so subsample above some 10,000 rows.

    X_embedded : array-like of shape (n_samples, n_components)
        Their embedding.

    Returns
    -------
    float
        1.0 if distances are proportional.

    Examples
    --------
    >>> from stable_embedding.quality import distance_correlation
    >>> X = [[0.0, 0.0], [3.0, 4.0], [6.0, 0.0]]
    >>> round(distance_correlation(X, [[0.0], [0.5], [1.5]]), 4)
    0.866
    """
    X = check_array(X, dtype=np.float64)
    X_embedded = check_array(X_embedded, dtype=np.float64, input_name="X_embedded")
    check_consistent_length(X, X_embedded)
    return float(np.corrcoef(pdist(X), pdist(X_embedded))[0, 1])
