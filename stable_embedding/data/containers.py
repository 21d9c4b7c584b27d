"""Convert containers of samples to ones that scikit-learn reads, or say how to."""

from collections.abc import Iterator, Mapping
from os import PathLike

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import check_array

from .columns import (
    check_finite,
    column_names,
    columns_named,
    is_lazy,
    refuse_dates,
)
from .dask_arrays import is_dask_array

_READ_BY_NUMPY = (torch.float16, torch.float32, torch.float64)


def readable(X, input_name="X"):
    """Return data in a container that scikit-learn reads.

    Parameters
    ----------
    X : object
        Samples, codes or embeddings. A dense tensor on the CPU, or in a list, becomes
        an array without gradient. Other containers are returned unchanged.

    input_name : str, default="X"
        Name of the parameter.

    Returns
    -------
    object
        X, or an array that shares its memory if possible.

    Raises
    ------
    TypeError, ValueError
        If X cannot be read: for instance text, a mapping, an iterator, a lazy frame, a
        tensor on another device, or a masked array with masked values.
    """
    if isinstance(X, torch.Tensor):
        return _array_of_tensor(X, input_name)
    if issparse(X) and X.format == "dok":  # which is a mapping too
        return X.tocsr()
    if isinstance(X, (list, tuple)) and X and isinstance(X[0], torch.Tensor):
        return [readable(one, f"{input_name}[{i}]") for i, one in enumerate(X)]
    if isinstance(X, (str, bytes, PathLike, Mapping, Iterator)):
        raise TypeError(
            f"{input_name} is of type {type(X).__name__}; it must be an array, a data"
            " frame, a sparse matrix or a list of samples"
        )
    if is_lazy(X):
        raise TypeError(
            f"{input_name} is a {type(X).__name__}, which is not computed yet; pass"
            f" {input_name}.collect()"
        )
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(
            f"{input_name} is a masked array with masked values, which would be read"
            f" as if they were valid; pass {input_name}.filled(np.nan), and impute them"
        )
    return X


def _array_of_tensor(X, input_name):
    advice = _advice_on_tensor(X, input_name)
    if advice is not None:
        raise TypeError(f"{input_name} is a tensor {advice}")
    if X.is_floating_point() and X.dtype not in _READ_BY_NUMPY:
        X = X.float()
    return X.numpy(force=True)


def _advice_on_tensor(X, input_name):
    """Return advice for a tensor that is not a dense array on the CPU, or None."""
    if X.is_nested:
        return "whose samples differ in length; all must have the same features"
    if X.layout != torch.strided:
        return (
            f"of the sparse layout {X.layout}; pass {input_name}.to_dense(), or a"
            " sparse matrix of SciPy"
        )
    if X.is_quantized:
        return f"of the quantized type {X.dtype}; pass {input_name}.dequantize()"
    if X.device.type == "meta":
        return "on the device meta, which holds no values; pass one on the device cpu"
    if X.device.type != "cpu":
        return f"on the device {X.device}; pass {input_name}.cpu()"
    return None


def dense(X, input_name="X"):
    """Return data as an array, or as a container that NumPy converts to an array.

    Parameters
    ----------
    X : object
        Codes or an embedding, which has few features.

    input_name : str, default="X"
        Name of the parameter.

    Returns
    -------
    object
        As of :func:`readable`, but an ndarray in place of a sparse matrix.
    """
    X = readable(X, input_name)
    return X.toarray() if issparse(X) else X


def indexable(X, input_name="X"):
    """Return samples in a container that can be indexed by sample.

    Parameters
    ----------
    X : object
        As of :func:`readable`.

    input_name : str, default="X"
        Name of the parameter.

    Returns
    -------
    object
        X; lists become an array, a sparse matrix one in CSR format, and the values of a
        dask array are computed.
    """
    if is_dask_array(X):
        return X.compute()
    if isinstance(X, (list, tuple)):
        with columns_named(X, input_name):
            values = np.asarray(X)
        # If one value is text, NumPy converts all numbers to text.
        return np.asarray(X, dtype=object) if values.dtype.kind in "US" else values
    return X.tocsr() if issparse(X) else X


def readable_samples(X, input_name="X"):
    """Return samples in a container that scikit-learn reads, one row for each.

    Parameters
    ----------
    X : object
        Samples.

    input_name : str, default="X"
        Name of the parameter.

    Returns
    -------
    object
        As of :func:`readable`.

    Raises
    ------
    TypeError, ValueError
        As of :func:`readable`, or if X holds images or dates.
    """
    X = readable(X, input_name)
    shape = _shape(X)
    fields = getattr(getattr(X, "dtype", None), "names", None)
    if fields is not None:
        raise TypeError(
            f"{input_name} is a structured array with the fields {fields}; pass"
            f" numpy.lib.recfunctions.structured_to_unstructured({input_name}), or a"
            " data frame"
        )
    if len(shape) > 2:
        reshape = (
            f"{input_name}.reshape(len({input_name}), -1)"
            if hasattr(X, "reshape")
            else f"np.reshape({input_name}, (len({input_name}), -1))"
        )
        raise ValueError(
            f"Found array with dim {len(shape)}: {input_name} has shape {shape}, but it"
            " must have (n_samples, n_features). Pass each sample as one row, for"
            f" instance images by {reshape}"
        )
    refuse_dates(X, input_name)
    return X


def _shape(X):
    """Return the shape of an array, or that which nested lists seem to have."""
    if isinstance(X, (list, tuple)):
        return (len(X), *_shape(X[0])) if len(X) else (0,)
    shape = getattr(X, "shape", ())
    return shape if isinstance(shape, tuple) else ()


def check_samples(X, input_name="X", *, accept_sparse=False, **options):
    """Validate samples that no estimator keeps, and name the column at fault.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples: an array, a data frame, a tensor or lists.

    input_name : str, default="X"
        Name of the parameter.

    accept_sparse : bool, default=False
        Whether a sparse matrix is returned as such, in CSR format. It is made dense
        otherwise.

    **options : dict
        Further parameters of :func:`sklearn.utils.check_array`.

    Returns
    -------
    {ndarray, sparse matrix} of shape (n_samples, n_features), dtype float64
        The samples.

    Raises
    ------
    TypeError, ValueError
        If X holds anything but finite numbers, or is not as described.
    """
    X = readable_samples(X, input_name)
    names = column_names(X)
    if not accept_sparse:
        X = dense(X, input_name)
    options = {"dtype": np.float64, "accept_sparse": "csr"} | options
    with columns_named(X, input_name):
        values = check_array(
            X, ensure_all_finite=False, input_name=input_name, **options
        )
    check_finite(values, input_name, names)
    return canonical(values)


def check_squares(X, input_name):
    """Raise if numbers are so large or small that float64 cannot hold their squares.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Finite numbers, at least one.

    input_name : str
        Name of the parameter.

    Raises
    ------
    ValueError
        If the largest one is not 0 and not between 1e-140 and 1e140.
    """
    largest = max(X.max(), -X.min())
    if largest and not 1e-140 <= largest <= 1e140:
        raise ValueError(
            f"{input_name} has values up to {largest:.3g}; the largest must be between"
            f" 1e-140 and 1e+140, so that float64 holds squares: rescale {input_name}"
        )


def canonical(X):
    """Return samples or distances whose entries occur once, as norms of rows assume.

    A sparse matrix may hold parts of an entry, to be added up. It is not changed.
    """
    if issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X
