"""Report of whether new samples have the distribution of a reference."""

import warnings
from numbers import Real

import numpy as np
from scipy.stats import hypergeom, ks_2samp

from .._sklearn import Interval, validate_params
from ..plotting.drift import DriftDisplay
from ..preprocessing.columns import unique_names
from .drift_reference import DriftReference, is_same_map
from .html import display_section, table_section, text_section, write_page

# Fractions of the reference whose errors lie below the limits that new ones are
# compared with.
_FRACTIONS = (0.5, 0.9, 0.95, 0.99)

# Fraction of the errors of both that count as the largest. A small group of new kind is
# among these, and changes a distribution function as a whole too little to be seen.
_LARGEST = 0.02

# P-values are exact up to so many samples of both, or of one of them. Beyond, the
# limiting distribution is as good, and quick. Of a few samples it may be 0.
_EXACT_SAMPLES = 300
_FEW_SAMPLES = 20


class DriftReport:
    """Differences between new samples and a reference, from :func:`drift_report`.

    Parameters
    ----------
    rows : list of dict
        Comparisons, with the items "kind" ("error", "largest", "code" or "feature"),
        "name", "statistic" and "p_value".

    shares : list of dict
        Limits of the error, with the items "fraction" (of the reference below the
        limit), "limit", "expected" (fraction above it) and "found" (fraction of new
        samples above it).

    n_reference, n_new : int
        Numbers of samples.

    level : float, default=0.05
        Probability of an alarm if nothing has changed.

    Attributes
    ----------
    rows : list of dict
        Comparisons, with two more items: "p_adjusted", the p-value that accounts for
        the number of comparisons, and "drifted".

    drifted : bool
        Whether any comparison differs by more than chance.

    See Also
    --------
    drift_report : Makes the report.
    """

    def __init__(self, rows, shares, n_reference, n_new, level=0.05):
        adjusted = holm([row["p_value"] for row in rows])
        self.rows = [
            row | {"p_adjusted": p, "drifted": p <= level}
            for row, p in zip(rows, adjusted)
        ]
        self.shares = shares
        self.n_reference = n_reference
        self.n_new = n_new
        self.level = level
        self.drifted = any(row["drifted"] for row in self.rows)

    def to_frame(self):
        """Return the comparisons as a pandas data frame. This needs pandas.

        Returns
        -------
        pandas.DataFrame
            Comparisons, indexed by kind and name.
        """
        import pandas as pd

        return pd.DataFrame(self.rows).set_index(["kind", "name"])

    def plot(self, *, ax=None):
        """Draw how far each comparison differs.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw on, by default those of a new figure.

        Returns
        -------
        DriftDisplay
        """
        labels = unique_names([_label(row) for row in self.rows])
        return DriftDisplay(
            dict(zip(labels, [row["statistic"] for row in self.rows])),
            dict(zip(labels, [row["drifted"] for row in self.rows])),
        ).plot(ax=ax)

    def to_html(self, path):
        """Write the report to an HTML file. This needs matplotlib.

        Parameters
        ----------
        path : str or path
            File to write. It needs no other files.
        """
        picture = display_section(
            "Differences",
            self.plot(),
            "Statistics of the comparisons as bars, what drifted first. A statistic is"
            " the largest difference of two distribution functions; that of the largest"
            " errors is a difference of two fractions of samples. The values are in the"
            " table below.",
        )
        sections = [
            text_section("Result", self.verdict),
            picture,
            table_section("Comparisons, clearest first", self._clearest_first()),
            table_section("Samples whose error is above a limit", self.shares),
        ]
        write_page(path, "Drift report", sections)

    @property
    def verdict(self):
        """The result in one line."""
        sizes = f"{self.n_new} new samples, {self.n_reference} of the reference"
        if not self.drifted:
            return f"same as the reference at level {self.level:g} ({sizes})"
        found = [_label(row) for row in self._clearest_first() if row["drifted"]]
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return f"not the same as the reference: {', '.join(found[:3])}{more} ({sizes})"

    def _clearest_first(self):
        return sorted(self.rows, key=lambda row: row["p_value"])

    def __repr__(self):
        return self.verdict


@validate_params(
    {"level": [Interval(Real, 0, 1, closed="neither")]},
    prefer_skip_nested_validation=True,
)
def drift_report(estimator, X_new, reference, *, level=0.05):
    r"""Test whether new samples have the distribution of a reference.

    Use a reference of samples that the estimator was *not* trained on, such as a tenth
    that you set aside. A network reconstructs its training samples better than others,
    so these differ from new samples even if nothing has changed.

    Both are embedded and reconstructed. Two-sample Kolmogorov-Smirnov tests compare

    - the error of a sample, minus `score_samples`,
    - each component of its code,
    - the residual of each feature, :math:`x_j - \hat x_j`, which identifies the
      features that have changed.

    A one-sided hypergeometric test shows whether more of the largest errors, a fiftieth
    of all, come from new samples than chance explains. It finds a small group of a new
    kind.

    P-values are adjusted by Holm's method. So if nothing has changed, the probability
    of an alarm is at most `level`, for any number of features and any estimator. It is
    a probability over draws of both samples. Alarms of batches that are compared with
    one reference depend on each other: a reference that is unusual by chance raises
    them again. Take one several times the size of a batch, and check an alarm against a
    second reference.

    Parameters
    ----------
    estimator : estimator
        A fitted autoencoder of this package, or a fitted pipeline with one as the last
        step that embeds. Features are those that the autoencoder sees.

    X_new : {array-like, sparse matrix} of shape (n_new, n_features)
        New samples, in a form that the estimator accepts.

    reference : DriftReference or {array-like, sparse matrix} of n_reference samples
        Samples that were not used in training, or the measurements of such samples.

    level : float, default=0.05
        Largest probability of an alarm if nothing has changed.

    Returns
    -------
    DriftReport
        Report, whose text says in one line whether the new samples are the same as the
        reference. Its attribute ``shares`` has the fractions of new samples whose error
        exceeds quantiles of the errors of the reference.

    Raises
    ------
    TypeError, ValueError
        If the estimator has no `score_samples` or `inverse_transform`, or samples are
        not as described.

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
    Journal of Statistics 6, 1979.

    S. Rabanser, S. Günnemann and Z. C. Lipton, "Failing loudly: an empirical study of
    methods for detecting dataset shift", NeurIPS 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import train_test_split
    >>> from stable_embedding import StableAutoencoder, drift_report
    >>> X, _ = load_iris(return_X_y=True)
    >>> X_train, X_other = train_test_split(X, test_size=0.6, random_state=0)
    >>> model = StableAutoencoder(n_init=1, random_state=0).fit(X_train)
    >>> drift_report(model, X_other[:45], X_other[45:])
    same as the reference at level 0.05 (45 new samples, 45 of the reference)
    >>> drift_report(model, 10 * X_other[:45], X_other[45:]).drifted
    True
    """
    if not isinstance(reference, DriftReference):
        reference = _measured(estimator, reference, "reference")
    new = _measured(estimator, X_new, "X_new")
    _check_alike(reference, new)
    errors = reference.values["error"][:, 0], new.values["error"][:, 0]
    rows = [
        _row(kind, name, found)
        for kind in reference.names
        for name, found in zip(
            reference.names[kind],
            compare_distributions(reference.values[kind], new.values[kind]),
        )
    ]
    rows.insert(1, _row("largest", "largest errors", compare_largest(*errors)))
    return DriftReport(rows, shares_above(*errors), *map(len, errors), level)


def _measured(estimator, X, name):
    """Measure samples; an error notes which ones they are."""
    try:
        return DriftReference.from_estimator(estimator, X)
    except ValueError as error:
        error.add_note(f"X is {name} of drift_report")
        raise


def compare_distributions(reference, new):
    """Compare columns by tests of Kolmogorov and Smirnov.

    Parameters
    ----------
    reference, new : ndarray of shape (n_reference, n_columns) and (n_new, n_columns)

    Returns
    -------
    list of (float, float)
        Statistic and p-value of each column.
    """
    n_least, n_most = sorted([len(reference), len(new)])
    is_exact = n_least <= _FEW_SAMPLES or n_most <= _EXACT_SAMPLES
    with warnings.catch_warnings():
        # The exact p-value of the smallest difference is 1, or by rounding more, for
        # which it is found in the other way.
        warnings.filterwarnings("ignore", "ks_2samp: Exact", RuntimeWarning)
        found = ks_2samp(reference, new, method="exact" if is_exact else "asymp")
    return [(float(s), float(p)) for s, p in zip(found.statistic, found.pvalue)]


def compare_largest(reference, new):
    """Test whether more of the largest values are new than their number says.

    Parameters
    ----------
    reference, new : ndarray of shape (n_reference,) and (n_new,)

    Returns
    -------
    (float, float)
        How much larger the share above a common limit is among the new, 0 at least, and
        the p-value.
    """
    pooled = np.concatenate([reference, new])
    limit = np.quantile(pooled, 1 - _LARGEST)
    n_above = np.count_nonzero(new > limit)
    total = np.count_nonzero(pooled > limit)
    p = hypergeom.sf(n_above - 1, len(pooled), total, len(new))
    excess = np.mean(new > limit) - np.mean(reference > limit)
    return max(0.0, float(excess)), float(p)


def shares_above(reference, new):
    """Return how many new values exceed quantiles of the reference."""
    limits = np.quantile(reference, _FRACTIONS)
    return [
        {
            "fraction": fraction,
            "limit": float(limit),
            "expected": round(1 - fraction, 4),
            "found": float(np.mean(new > limit)),
        }
        for fraction, limit in zip(_FRACTIONS, limits)
    ]


def holm(p_values):
    """Adjust p-values for their number by Holm's method.

    Parameters
    ----------
    p_values : sequence of float

    Returns
    -------
    list of float
        That which is at most the level is significant at the level among all.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    factors = np.arange(len(p), 0, -1)
    adjusted[order] = np.maximum.accumulate(factors * p[order]).clip(max=1)
    return adjusted.tolist()


def _row(kind, name, found):
    statistic, p = found
    return {"kind": kind, "name": name, "statistic": statistic, "p_value": p}


def _label(row):
    return row["name"] if row["kind"] != "feature" else f"feature {row['name']}"


def _check_alike(reference, new):
    """Raise if the reference was measured by another map."""
    advice = "measure a reference by this estimator: DriftReference.from_estimator"
    for kind, found in new.names.items():
        expected = reference.names[kind]
        if found != expected:
            raise ValueError(
                f"reference has {len(expected)} columns of kind {kind!r}, such as"
                f" {expected[:3]}, but this estimator has {len(found)}, such as"
                f" {found[:3]}; {advice}"
            )
    if not is_same_map(reference.landmarks, new.landmarks):
        raise ValueError(
            "reference was measured by another map, or by an earlier version of"
            f" stable_embedding; {advice}"
        )
