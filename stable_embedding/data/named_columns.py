"""Columns of a data frame that are given by their names."""

from collections import Counter

from .columns import column_names, is_number
from .containers import readable
from .sample_ids import check_same_samples


def column_or_values(y, X, name="y"):
    """Return a column of X by its name; return values that are not a name unchanged.

    Parameters
    ----------
    y : str, array-like of shape (n_samples,) or None
        Name of a column of X, or values.

    X : data frame or other container of samples
        Samples with the column.

    name : str, default="y"
        Name of the parameter.

    Returns
    -------
    array-like of shape (n_samples,) or None

    Raises
    ------
    ValueError
        If X has no such column, or values have other ids than X, or in another order.
    """
    if not isinstance(y, str):
        check_same_samples(X, y, name)
        return y
    names = column_names(readable(X))
    if names is None:
        raise ValueError(
            f"{name}={y!r} is the name of a column, but X is of type"
            f" {type(X).__name__}; pass a data frame as X, or the values as {name}"
        )
    if y not in names:
        listed = ", ".join(map(repr, names[:20])) + (", ..." if names[20:] else "")
        raise ValueError(f"{name}={y!r} is not a column of X; it has {listed}")
    return X[y]


def check_column_order(X, names_of_owner, name, owner):
    """Raise if the columns of a data frame have known names in another order.

    Parameters
    ----------
    X : object
        Values that are read by position.

    names_of_owner : callable
        Returns names in their order, or None; called only if X has names. If these are
        others, or numbers, positions decide.

    name, owner : str
        What a message calls X, and that whose columns have the names.

    Raises
    ------
    ValueError
        If they have the same names in another order.
    """
    own = column_names(X)
    if own is None:
        return
    names = names_of_owner()
    if names is None or own == list(names):
        return
    if any(is_number(one) for one in [*own, *names]):
        return
    if Counter(own) == Counter(names):
        at = next(i for i, one in enumerate(own) if one != names[i])
        raise ValueError(
            f"{name} has the column {own[at]!r} where {owner} has {names[at]!r}, at"
            f" position {at}; pass {name}[names], with names in the order of {owner}"
        )


def check_same_columns(X, values, name, input_name="X"):
    """Raise if two data frames have the same columns in another order.

    Parameters
    ----------
    X, values : object
        Two tables whose columns are compared by position.

    name, input_name : str
        Names of the parameters that hold the values, and X.

    Raises
    ------
    ValueError
        As of :func:`check_column_order`.
    """
    check_column_order(values, lambda: column_names(X), name, input_name)


def features_of(estimator, X, y=None):
    """Return the columns of a data frame on which an estimator was fitted.

    Other columns, for colors and labels, are dropped. If the estimator was not fitted
    on a data frame, this is the column `y`, if it is a name and no feature. Other
    containers are returned unchanged.
    """
    names = column_names(readable(X))
    if names is None:
        return X
    fitted = getattr(estimator, "feature_names_in_", None)
    if fitted is None:
        fitted = [name for name in names if not isinstance(y, str) or name != y]
        if getattr(estimator, "n_features_in_", len(fitted)) != len(fitted):
            return X
    if len(fitted) < len(names) and set(fitted) <= set(names):
        return X[list(fitted)]
    return X
