"""Encode tables of numbers and categories, such that each column counts the same."""

from numbers import Integral

import numpy as np
from scipy.sparse import csc_array, csr_array, hstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from .._ambient import own_settings
from .._restore import restore_on_error
from .._sklearn import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    check_feature_names_in,
    fit_context,
)
from ..data.columns import named
from ..data.containers import check_samples
from ..data.named_columns import check_column_order
from ..data.sample_ids import has_index
from ..data.scaling import inverse_power
from .columns import (
    check_same_kinds,
    checked_table,
    chosen_columns,
    column_groups,
    column_names_or_places,
    is_categorical,
    levels_of,
    numbers_of,
    output_levels,
    unique_names,
)
from .frames import frame_format, table_of
from .norms import (
    block_covariance,
    block_variances,
    indicator_scales,
    leading_norm,
    total_norm,
)


class MixedDataEncoder(TransformerMixin, BaseEstimator):
    r"""Encode numbers and categories so that each column has the same weight.

    Use it before an autoencoder or PCA of a table. Numbers are standardized. Categories
    are one-hot encoded, and all indicators of a column are divided by one number, so
    that the column has total variance 1, like a number, for any number of levels. So
    all columns have the same weight in squared Euclidean distances and in explained
    variance. With plain one-hot encoding the weight of a column depends on its levels.

    The indicator :math:`y_l` of a level with the frequency :math:`p_l` becomes

    .. math:: x_l = \frac{y_l - p_l}{c\, d_l}

    with :math:`d_l = 1` for `distance` "matching" and :math:`\sqrt{p_l}` for "chi2".
    The square of :math:`c` is the total variance of the column's :math:`y_l / d_l`, or
    with ``norm="eigenvalue"`` their variance along the leading principal axis. PCA of
    the output with "chi2" and "eigenvalue" is factor analysis of mixed data (FAMD).

    Parameters
    ----------
    categorical_features : "from_dtype" or array-like, default="from_dtype"
        All columns of categories: names, positions or a mask. Whole numbers are
        positions, even in a frame whose names are whole numbers. By default columns of
        text, booleans or a categorical type, and columns of Python objects unless all
        are numbers.

    distance : {"matching", "chi2"}, default="matching"
        Distances between levels of a column. With "matching" they are all equal. With
        "chi2" rare levels are far from all others; set `min_frequency` then.

    norm : {"variance", "eigenvalue"}, default="variance"
        Quantity that is 1 for each column: its total variance, or its variance along
        the leading principal axis. The latter balances principal axes, but gives
        columns with many levels more weight in distances.

    groups : mapping, callable or None, default=None
        Columns that together have the weight of one, such as the parts of a date: a
        mapping or a function from the name of a column, or its position in an array, to
        a group. A column that is not in the mapping, or whose group is None, is its own
        group. The
        ``output_to_input_`` of a fitted skrub ``TableVectorizer`` is such a mapping.

    handle_unknown : {"error", "ignore", "infrequent_if_exist"}, default="error"
        How `transform` treats a level that was not in the training data. Numbers where
        the training data had text, or text where it had numbers, raise. "error"
        raises. "ignore" gives it the mean of its column. "infrequent_if_exist" gives it
        the level of merged ones, or the mean if there is none.

    min_frequency : int, float or None, default=None
        Number or fraction of samples. Levels with fewer samples are merged into one.

    max_categories : int or None, default=None
        Largest number of levels of a column. The rarest are merged into one.

    sparse_output : bool, default=False
        Whether to return a sparse matrix. Its indicators are not centered; distances
        are the same.

    Attributes
    ----------
    is_categorical_ : ndarray of shape (`n_features_in_`,), dtype bool
        Whether each column holds categories.

    categories_ : list of ndarray
        Levels of each column of categories, sorted. Missing values are one level, nan.

    column_indices_ : ndarray of shape (n_features_out,)
        Column of each output feature: first the numbers, and then the levels of each
        category.

    mean_ : ndarray of shape (n_features_out,)
        Mean of each number, and frequency of each level.

    scale_ : ndarray of shape (n_features_out,)
        Divisors of numbers and indicators.

    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if all are strings.

    See Also
    --------
    sklearn.preprocessing.OneHotEncoder : Used here.
    sklearn.compose.ColumnTransformer : Gives columns to transformers of their own.

    Notes
    -----
    The mean squared distance of two samples is 2 in each column. A constant column
    becomes zero. Missing numbers are refused: impute them before, for instance by
    :class:`~sklearn.impute.SimpleImputer` in a `ColumnTransformer` with
    ``set_output(transform="pandas")``. Dates are refused too: turn them into numbers.

    References
    ----------
    J. Pagès, "Analyse factorielle de données mixtes", Revue de Statistique Appliquée
    52, 2004.

    B. Escofier and J. Pagès, "Multiple factor analysis (AFMULT package)", Computational
    Statistics & Data Analysis 18, 1994, for the leading eigenvalue.

    J. C. Gower, "A general coefficient of similarity and some of its properties",
    Biometrics 27, 1971, for matching.

    Examples
    --------
    >>> import numpy as np
    >>> from stable_embedding.preprocessing import MixedDataEncoder
    >>> X = np.array([[1.0, "red"], [2.0, "blue"], [6.0, "red"]], dtype=object)
    >>> encoder = MixedDataEncoder()
    >>> codes = encoder.fit_transform(X)
    >>> encoder.get_feature_names_out().tolist()
    ['x0', 'x1_blue', 'x1_red']
    >>> codes.var(axis=0).round(6).tolist()
    [1.0, 0.5, 0.5]
    >>> encoder.inverse_transform(codes)[0].tolist()
    [1.0, 'red']
    """

    _parameter_constraints = {
        "categorical_features": [StrOptions({"from_dtype"}), "array-like"],
        "distance": [StrOptions({"matching", "chi2"})],
        "norm": [StrOptions({"variance", "eigenvalue"})],
        "groups": [HasMethods(["get", "keys"]), callable, None],
        "handle_unknown": [StrOptions({"error", "ignore", "infrequent_if_exist"})],
        "min_frequency": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            None,
        ],
        "max_categories": [Interval(Integral, 1, None, closed="left"), None],
        "sparse_output": ["boolean"],
    }

    def __init__(
        self,
        categorical_features="from_dtype",
        *,
        distance="matching",
        norm="variance",
        groups=None,
        handle_unknown="error",
        min_frequency=None,
        max_categories=None,
        sparse_output=False,
    ):
        self.categorical_features = categorical_features
        self.distance = distance
        self.norm = norm
        self.groups = groups
        self.handle_unknown = handle_unknown
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.sparse_output = sparse_output

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the levels of categories, and what columns are divided by.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            A table of numbers and categories.

        y : None
            Ignored.

        Returns
        -------
        self : MixedDataEncoder
            The fitted encoder.

        Raises
        ------
        TypeError, ValueError
            If a parameter is not as described, or a column holds anything else.
        """
        with restore_on_error(self):
            return self._fit(X)

    @own_settings()
    def _fit(self, X):
        X = checked_table(X, type(self).__name__)
        names = column_names_or_places(X)
        groups = column_groups(self.groups, names)
        mask = self._categorical_mask(X, names)
        numbers = numbers_of(X, np.flatnonzero(~mask), names, type(self).__name__)
        levels = levels_of(X, np.flatnonzero(mask), names)
        one_hot, indicators, outputs = self._fit_one_hot(levels)
        validate_data(self, X, skip_check_array=True)
        self.is_categorical_ = mask
        self.categories_ = [] if one_hot is None else one_hot.categories_
        self._one_hot, self._output_levels = one_hot, outputs
        self._is_sparse = bool(self.sparse_output)
        self._refuses_unknown = self.handle_unknown == "error"
        self._frame = frame_format(X)
        sizes = [len(of_column) for of_column in outputs]
        self.column_indices_ = np.concatenate(
            [np.flatnonzero(~mask), np.repeat(np.flatnonzero(mask), sizes)]
        )
        self._set_scales(numbers, indicators, groups)
        return self

    def _categorical_mask(self, X, names):
        if isinstance(self.categorical_features, str):
            return is_categorical(X)
        return chosen_columns(self.categorical_features, names)

    def _fit_one_hot(self, levels):
        """Return an encoder of levels, what it gives, and the level of each output."""
        if not levels.shape[1]:
            return None, csr_array((len(levels), 0)), []
        # A row of zeros tells a level that is not known.
        unknown = "ignore" if self.handle_unknown == "error" else self.handle_unknown
        one_hot = OneHotEncoder(
            handle_unknown=unknown,
            min_frequency=self.min_frequency,
            max_categories=self.max_categories,
        )
        indicators = csr_array(one_hot.fit_transform(levels))
        return one_hot, indicators, output_levels(one_hot, levels)

    def _set_scales(self, numbers, indicators, groups):
        """Learn means and scales, such that columns, and then groups, have norm 1."""
        n_numbers = numbers.shape[1]
        frequencies = indicators.sum(axis=0) / len(numbers)
        means, deviations = np.empty(0), np.empty(0)
        if n_numbers:
            means, deviations = means_and_deviations(numbers)
        self.mean_ = np.concatenate([means, frequencies])
        of_levels = indicator_scales(frequencies, self.distance)
        self.scale_ = np.concatenate([deviations, of_levels])
        columns = csc_array(self._scaled(numbers, indicators, sparse=True))
        shift, factors = self._shift(n_numbers), np.ones_like(self.scale_)
        for block in blocks_of(self.column_indices_, self.is_categorical_, groups):
            of_block, scales = columns[:, block], factors[block]
            if self.norm == "variance":
                variances = block_variances(of_block, shift[block])
                norm = total_norm(variances / (scales * scales))
            else:
                covariance = block_covariance(of_block, shift[block])
                norm = leading_norm(covariance / np.outer(scales, scales))
            factors[block] *= norm
        self.scale_ *= factors

    def transform(self, X):
        """Encode a table.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            A table with the columns that the encoder was fitted on.

        Returns
        -------
        {ndarray, sparse matrix} of shape (n_samples, n_features_out), dtype float64
            Numbers first, and after them the indicators of levels.

        Raises
        ------
        TypeError, ValueError
            If X is not as described, or holds a level that is not known.
        """
        check_is_fitted(self)
        return self._transform(X)

    @own_settings()
    def _transform(self, X):
        X = checked_table(X, type(self).__name__)
        validate_data(self, X, skip_check_array=True, reset=False)
        names, mask = column_names_or_places(X), self.is_categorical_
        numbers = numbers_of(X, np.flatnonzero(~mask), names, type(self).__name__)
        levels = levels_of(X, np.flatnonzero(mask), names)
        check_same_kinds(levels, self.categories_, np.flatnonzero(mask), names)
        indicators = self._indicators(levels, names)
        return self._scaled(numbers, indicators, self._is_sparse)

    def _indicators(self, levels, names):
        """Encode levels; one that is not known gets the frequencies of all."""
        if self._one_hot is None:
            return csr_array((len(levels), 0))
        indicators = csr_array(self._one_hot.transform(levels))
        sizes = [len(of_column) for of_column in self._output_levels]
        column = np.repeat(np.arange(len(sizes)), sizes)
        at = np.arange(len(column)), column
        in_column = csr_array((np.ones(len(column)), at))
        unknown = (indicators @ in_column).toarray() == 0
        if not unknown.any():
            return indicators
        if self._refuses_unknown:
            [first, *_] = np.flatnonzero(unknown.any(axis=0))
            found = levels[unknown[:, first], first][0]
            place = np.flatnonzero(self.is_categorical_)[first]
            raise ValueError(
                f"{named([place], names)} of X holds {found!r}, a level that it did not"
                " have in fit; set handle_unknown to 'ignore' or 'infrequent_if_exist'"
            )
        frequencies = self.mean_[-len(column) :]
        expected = csr_array((frequencies, at[::-1]))
        return csr_array(indicators + csr_array(unknown.astype(np.float64)) @ expected)

    def _shift(self, n_numbers):
        """Return what is subtracted from scaled indicators to center them."""
        shift = self.mean_ / self.scale_
        shift[:n_numbers] = 0
        return shift

    def _scaled(self, numbers, indicators, sparse):
        """Scale numbers and indicators; these are centered if the result is dense."""
        n_numbers = numbers.shape[1]
        numbers = (numbers - self.mean_[:n_numbers]) / self.scale_[:n_numbers]
        indicators = indicators * (1 / self.scale_[n_numbers:])
        if sparse:
            return csr_array(hstack([csr_array(numbers), indicators]))
        centered = indicators.toarray() - self._shift(n_numbers)[n_numbers:]
        return np.hstack([numbers, centered])

    def inverse_transform(self, X):
        """Return the numbers and the likeliest levels of an encoded table.

        What an autoencoder reconstructs is between levels: of each category the level
        with the largest indicator is taken. Of merged levels it is the most frequent.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features_out)
            An encoded table, or a reconstruction of one.

        Returns
        -------
        {ndarray, data frame} of shape (n_samples, n_features)
            A table like the one that the encoder was fitted on. An array is of objects
            if it holds categories. A data frame of pandas has the index of X.

        Raises
        ------
        ValueError
            If X is not as described.
        """
        check_is_fitted(self)
        index = X.index if has_index(X) else None
        kind = type(self).__name__
        check_column_order(X, self.get_feature_names_out, "X", f"this {kind}")
        X = check_samples(X)
        if X.shape[1] != len(self.scale_):
            raise ValueError(
                f"X has {X.shape[1]} features, but {kind} encodes to {len(self.scale_)}"
            )
        n_numbers = int(np.count_nonzero(~self.is_categorical_))
        values = X * self.scale_
        if self._is_sparse:
            values[:, :n_numbers] += self.mean_[:n_numbers]
        else:
            values += self.mean_
        columns = dict(zip(np.flatnonzero(~self.is_categorical_), values.T))
        start = n_numbers
        for i, levels in zip(np.flatnonzero(self.is_categorical_), self._output_levels):
            block = values[:, start : start + len(levels)]
            columns[i] = levels[block.argmax(axis=1)]
            start += len(levels)
        in_order = [columns[i] for i in range(self.n_features_in_)]
        return table_of(in_order, self.is_categorical_, self._frame, index)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the features of the output.

        Parameters
        ----------
        input_features : array-like of shape (n_features,) or None, default=None
            Names of the columns; by default those of the fit, or "x0", "x1" and so on.

        Returns
        -------
        ndarray of shape (n_features_out,), dtype object
            The name of a number's column, or that of a category's with a level. A name
            that occurs again has "_1" at its end, or the next number that is free.
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        of_numbers = names[~self.is_categorical_]
        if self._one_hot is None:
            return of_numbers
        of_levels = self._one_hot.get_feature_names_out(names[self.is_categorical_])
        return np.array(unique_names([*of_numbers, *of_levels]), dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Not `categorical`, with which scikit-learn's checks pass whole numbers alone.
        tags.input_tags.string = True
        return tags


def blocks_of(column_of_output, is_categorical, groups):
    """Return masks of outputs that are to have norm 1: each category, then each group.

    Numbers have it already, and so has a group of one column once its column has.
    """
    for i in np.flatnonzero(is_categorical):
        yield column_of_output == i
    names, sizes = np.unique(groups, return_counts=True)
    for name in names[sizes > 1]:
        yield groups[column_of_output] == name


def means_and_deviations(numbers):
    """Return the mean and the standard deviation of each column; 1 for a constant one.

    Squares of the largest and the smallest numbers of float64 would be infinite or 0.
    Rounding alone, of large numbers, is divided by them.
    """
    powers = inverse_power(np.abs(numbers).max(axis=0))
    scaler = StandardScaler().fit(numbers * powers)
    is_constant = scaler.scale_ != np.sqrt(scaler.var_)
    means = scaler.mean_ / powers
    varies = (numbers != numbers[0]).any(axis=0)
    of_constants = np.where(varies, np.abs(means).clip(1), 1.0)
    return means, np.where(is_constant, of_constants, scaler.scale_ / powers)
