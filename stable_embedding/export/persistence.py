"""Estimators in files that hold numbers and text, and no code."""

import json
import math
import platform
from numbers import Integral, Real

import numpy as np
import sklearn
import torch

from .._sklearn import (
    OUTPUT_CONFIG,
    REQUESTS,
    metadata_requests,
    set_metadata_requests,
)
from .._version import __version__
from ..estimators.registry import ESTIMATORS
from ..networks.tensor_file import read, write

# Raised when a file that was written before can no longer be read by its rules; the
# reader of each earlier format stays.
FORMAT = 1

KIND = "estimator of stable_embedding"

# What a description raises that was altered, and signed again, by somebody else.
_BROKEN = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
)

# A directory of the machine that trained.
_CHECKPOINT = "checkpoint"


def save(estimator, path):
    """Write an estimator to a file, fitted or not.

    The file has the format of safetensors: weights and arrays are tensors, and
    parameters, attributes and versions are JSON in its header. An existing file is
    replaced as a whole: if the process dies while it writes, the old file remains.

    Parameters
    ----------
    estimator : estimator
        An autoencoder of this package, or a :class:`ReconstructionOutlierDetector`.
        Keep encoders and pipelines with ``joblib.dump`` or skops.

    path : str or path
        File to write, usually with the suffix ``.safetensors``.

    Raises
    ------
    TypeError
        If the estimator is another one, or has an attribute that a file without code
        cannot hold: a function as `similarity`, your module as `encoder`, a
        transformer as `neighbors`, terms as `extra_losses`, callbacks, or a generator
        as `random_state`. An existing file does not change. The message says what to
        do.

    See Also
    --------
    load : Read an estimator from a file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_iris
    >>> import stable_embedding
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = stable_embedding.StableAutoencoder(n_init=2).fit(X)
    >>> with TemporaryDirectory() as folder:
    ...     stable_embedding.save(model, Path(folder) / "iris.safetensors")
    ...     again = stable_embedding.load(Path(folder) / "iris.safetensors")
    >>> bool((again.transform(X) == model.transform(X)).all())
    True
    """
    tensors = {}
    document = {
        "format": FORMAT,
        "versions": {
            "stable_embedding": __version__,
            "python": platform.python_version(),
            "scikit-learn": sklearn.__version__,
            "torch": torch.__version__,
        },
        "estimator": Writer(tensors).estimator(estimator),
    }
    write(path, KIND, json.dumps(document), tensors)


def load(path):
    """Read an estimator from a file.

    No code is executed, and no module that the file names is imported. So a file from a
    stranger does no harm, but its model may have been altered: the digest in the file
    finds damage, not attacks.

    Parameters
    ----------
    path : str or path
        File that :func:`save` has written.

    Returns
    -------
    estimator
        The estimator as it was saved, on the CPU.

    Raises
    ------
    ValueError
        If the file was not written by this package, is damaged, or was written by a
        later version.

    OSError
        If the file cannot be read.

    See Also
    --------
    save : Write an estimator to a file.
    """
    text, tensors = read(path, KIND)
    try:
        document = json.loads(text)
        version = document["format"]
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path} has no readable description") from error
    if type(version) is not int or not 1 <= version <= FORMAT:
        raise ValueError(
            f"{path} has format {version!r}; this version of stable_embedding reads"
            f" those up to {FORMAT}: install a later one"
        )
    try:
        return Reader(tensors).estimator(document["estimator"])
    except _BROKEN as error:
        raise ValueError(f"{path} describes no estimator: {error}") from error


class _NeedsCodeError(TypeError):
    """Raised for a value that is neither number nor text."""


def way_out(estimator, name):
    """Say what to do about an attribute that cannot be saved.

    Parameters
    ----------
    estimator : estimator

    name : str
        The attribute. For a parameter that a fitted autoencoder embeds without, this is
        to set it to its default.

    Returns
    -------
    str
    """
    by_joblib = "joblib.dump(estimator, path), whose files must be trusted"
    defaults = type(estimator)().get_params(deep=False)
    is_needed = f"{name}_" in vars(estimator) or name in ("encoder", "decoder")
    if name not in defaults or is_needed:
        return f"Write it with {by_joblib}"
    change = f"set_params({name}={defaults[name]!r})"
    return (
        f"Call {change} first, which changes nothing that was fitted, or write it with"
        f" {by_joblib}"
    )


class Writer:
    """Describes values as JSON; arrays become tensors, of which it keeps the names.

    Parameters
    ----------
    tensors : dict of str to Tensor
        Filled with the arrays.
    """

    def __init__(self, tensors):
        self.tensors = tensors

    def estimator(self, estimator):
        """Describe an estimator."""
        name = type(estimator).__name__
        if ESTIMATORS.get(name) is not type(estimator):
            raise TypeError(
                f"{type(estimator).__module__}.{name} cannot be saved without code:"
                f" save takes {', '.join(sorted(ESTIMATORS))}. Write an encoder, a"
                " pipeline or another estimator with joblib.dump(estimator, path),"
                " whose files must be trusted, or with skops.io.dump(estimator, path)"
            )
        state = dict(estimator.__getstate__())
        state.pop(_CHECKPOINT, None)
        if REQUESTS in state:
            state[REQUESTS] = metadata_requests(estimator)
        described = {}
        for key in state:
            try:
                described[key] = self.value(f"{name}.{key}", state[key])
            except _NeedsCodeError as error:
                advice = way_out(estimator, key)
                raise TypeError(f"{error} {advice}") from None
        return {"class": name, "state": described}

    def value(self, where, value):
        """Describe a value; a message says where it was found."""
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, np.bool_):
            return bool(value)
        if isinstance(value, Integral):
            return int(value)
        if isinstance(value, Real):
            value = float(value)
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, (list, tuple)):
            items = [self.value(where, item) for item in value]
            return items if isinstance(value, list) else {"tuple": items}
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            items = {key: self.value(where, item) for key, item in value.items()}
            return {"dict": items}
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            return {"array": self.array(where, value)}
        if isinstance(value, np.ndarray) and all(isinstance(v, str) for v in value):
            return {"texts": value.tolist()}
        if isinstance(value, torch.device):
            return str(value)
        if type(value) is ESTIMATORS.get(type(value).__name__):
            return {"estimator": self.estimator(value)}
        raise _NeedsCodeError(
            f"{where}={value!r} cannot be saved without code: it is neither number nor"
            " text."
        )

    def array(self, where, array):
        """Put an array among the tensors, and return its name there."""
        name = f"{len(self.tensors)} {where}"
        self.tensors[name] = torch.from_numpy(np.array(array, order="C"))
        return name


class Reader:
    """Builds values from their description.

    Parameters
    ----------
    tensors : dict of str to Tensor
        The arrays.
    """

    def __init__(self, tensors):
        self.tensors = tensors
        self.kinds = {
            "array": self.array,
            "dict": self.dict,
            "estimator": self.estimator,
            "float": float,
            "texts": lambda texts: np.array(texts, dtype=object),
            "tuple": lambda items: tuple(map(self.value, items)),
        }

    def estimator(self, described):
        """Build an estimator, and see that it can be used."""
        kind = ESTIMATORS.get(described["class"])
        if kind is None:
            raise ValueError(f"class {described['class']!r} is unknown")
        state = self.dict(described["state"])
        state.pop(_CHECKPOINT, None)
        requests = state.pop(REQUESTS, {})
        estimator = kind()
        for name in state.keys() - vars(estimator).keys():
            fitted = name.endswith("_") and not name.startswith("_")
            if not fitted and name != OUTPUT_CONFIG:
                raise ValueError(f"{kind.__name__} has no parameter {name!r}")
        estimator.__setstate__(state)
        if requests:
            set_metadata_requests(estimator, requests)
        if "networks_" in state:
            sample = estimator.mean_.reshape(1, estimator.n_features_in_)
            estimator._decode(estimator._encode(estimator.network_, sample))
        return estimator

    def value(self, described):
        """Build a value."""
        if isinstance(described, list):
            return [self.value(item) for item in described]
        if not isinstance(described, dict):
            return described
        [(kind, content)] = described.items()
        return self.kinds[kind](content)

    def array(self, name):
        """Take an array, which stands for one value alone."""
        return self.tensors.pop(name).numpy().copy()

    def dict(self, described):
        """Build a dict of values."""
        return {key: self.value(item) for key, item in described.items()}
