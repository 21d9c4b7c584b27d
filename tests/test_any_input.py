"""Whatever comes in: what goes out is finite, or a message that names the culprit."""

import traceback
import warnings
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from stable_embedding import (
    DenoisingAutoencoder,
    SemanticHashing,
    SparseAutoencoder,
    StableAutoencoder,
    VariationalAutoencoder,
)
from stable_embedding.exceptions import DominatedVarianceWarning
from tests.ambient import CONTEXTS
from tests.generated import MANY

pytestmark = pytest.mark.slow

FAMILY = [
    StableAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
    SemanticHashing,
]

# What a message may name: the data, or a parameter.
CULPRITS = ["X", "sample", "feature", "Input", "input", "Expected", "could not convert"]


def assert_finite_or_said(call, *names):
    """Call, and let nothing pass but a finite result and a clear refusal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DominatedVarianceWarning)
            warnings.filterwarnings("ignore", "y has labels of .* so few or none")
            found = call()
    except (ValueError, TypeError) as error:
        refusal, found = error, []
        last = traceback.extract_tb(error.__traceback__)[-1].filename
    else:
        refusal = None
    if refusal is not None:
        assert any(name in str(refusal) for name in names), repr(refusal)
        assert "/torch/" not in last, repr(refusal)
    for array in found:
        assert np.isfinite(np.asarray(array, dtype=np.float64)).all()


def all_of(model, X):
    """What an estimator gives for rows that it was trained on."""
    codes = model.fit(X).transform(X)
    yield codes
    yield model.inverse_transform(codes)
    yield model.score_samples(X)
    yield model.loss_curve_


@st.composite
def rows(draw, bad=False):
    """Rows of any shape, type, scale and place."""
    n_rows = draw(st.integers(1, 40))
    n_features = draw(st.one_of(st.integers(1, 6), st.sampled_from([40, 150, 300])))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    X = rng.normal(size=(n_rows, n_features))
    if draw(st.booleans()):
        X = rng.integers(-3, 3, size=X.shape).astype(float)
    if draw(st.booleans()):
        X[:, rng.integers(n_features)] = 1.0
    if draw(st.booleans()):
        X[:, rng.integers(n_features)] = X[:, rng.integers(n_features)]
    if draw(st.booleans()):
        X[rng.integers(n_rows)] = X[rng.integers(n_rows)]
    if draw(st.integers(0, 9)) == 0:
        X[:] = X[0]
    odd = 10.0 ** draw(st.integers(-7, 7))  # another unit
    if draw(st.booleans()):
        X[rng.integers(n_rows)] *= odd
    if draw(st.booleans()):
        X[:, rng.integers(n_features)] *= odd
    if draw(st.booleans()):
        X[rng.random(n_rows) < 0.1, rng.integers(n_features)] = -999
    X = X * 10.0 ** draw(st.integers(-20, 20)) + draw(st.sampled_from([0, 1, 1e6]))
    if bad:
        values = draw(st.sampled_from([np.nan, np.inf, -np.inf, 1e39, 1e200, 1e308]))
        X[rng.integers(n_rows), rng.integers(n_features)] = values
    return X


def contained(draw, X, tmp_path):
    """The same rows as something that holds them."""
    kind = draw(
        st.sampled_from(
            [
                "array",
                "list",
                "pandas",
                "polars",
                "lazy",
                "sparse",
                "mapped",
                "object",
                "tensor",
                "tensors",
                "images",
            ]
        )
    )
    dtype = draw(st.sampled_from([np.float64, np.float32, np.float16, np.int64, bool]))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X = X.astype(dtype)
    if kind == "list":
        return X.tolist()
    if kind == "pandas":
        return pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
    if kind in ("polars", "lazy") and dtype != np.float16:
        frame = pl.DataFrame(X, schema=[f"c{i}" for i in range(X.shape[1])])
        return frame if kind == "polars" else frame.lazy()
    if kind == "sparse" and dtype in (np.float64, np.float32):
        return draw(st.sampled_from([csr_array, coo_array]))(X)
    if kind == "tensor":
        return tensor(draw, X)
    if kind == "tensors":
        return [*torch.from_numpy(X)]
    if kind == "images":
        return X.reshape(len(X), *draw(st.sampled_from([(1, -1), (-1, 1, 1)])))
    if kind == "mapped":
        path = tmp_path / "rows.npy"
        np.save(path, X)
        return np.load(path, mmap_mode="r")
    if kind == "object":
        return X.astype(object)
    layout = draw(st.sampled_from(["C", "F", "reversed", "strided", "read-only"]))
    if layout == "F":
        return np.asfortranarray(X)
    if layout == "reversed":
        return X[::-1, ::-1]
    if layout == "strided":
        return np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2]
    X.setflags(write=layout != "read-only")
    return X


def tensor(draw, X):
    """The same rows as a tensor of any kind."""
    X = torch.from_numpy(X)
    kind = draw(st.sampled_from(["bfloat16", "gradient", "sparse", "csr", "meta"]))
    if kind == "gradient":
        return X.requires_grad_() if X.is_floating_point() else X
    if kind == "csr":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # beta, says torch
            return X.to_sparse_csr()
    to = {
        "bfloat16": torch.Tensor.bfloat16,
        "sparse": torch.Tensor.to_sparse,
        "meta": lambda X: X.to("meta"),
    }
    return to[kind](X)


# What a column of a data frame may hold beside numbers.
VALUES = {
    "text": st.text(max_size=5),
    "number as text": st.floats().map(str),
    "price": st.floats(0, 100).map(lambda price: f"{price:.2f}".replace(".", ",")),
    "missing": st.one_of(st.none(), st.floats(-9, 9)),
    "float": st.floats(),
    "integer": st.integers(-9, 9),
    "boolean": st.booleans(),
    "time": st.datetimes(),
    "day": st.dates(),
    "duration": st.timedeltas(),
    "list": st.lists(st.integers(0, 3), max_size=3),
    "bytes": st.binary(max_size=3),
    "dict": st.fixed_dictionaries({"a": st.integers(0, 3)}),
    "complex": st.complex_numbers(allow_nan=False, max_magnitude=9),
    "object": st.one_of(st.text(max_size=2), st.integers(0, 9), st.none(), st.dates()),
}


@MANY
@given(data=st.data())
def test_any_column_of_a_frame(data):
    kind = data.draw(st.sampled_from(sorted(VALUES)))
    n_rows = data.draw(st.integers(2, 8))
    values = data.draw(st.lists(VALUES[kind], min_size=n_rows, max_size=n_rows))
    columns = {"before": np.arange(n_rows) * 1.0, "odd": values}
    library = data.draw(st.sampled_from([pd, pl]))
    if library is pl:
        odd = pl.Series(values, strict=False)
        if data.draw(st.booleans()) and odd.dtype == pl.String:
            odd = odd.cast(pl.Categorical)
        columns["odd"] = odd
    elif data.draw(st.booleans()) and kind not in ("list", "dict"):
        columns["odd"] = pd.Categorical(values)
    frame = library.DataFrame(columns)
    model = StableAutoencoder(1, n_init=1, max_iter=1, random_state=0)
    fitted = FITTED_ON_A_FRAME[library]
    for call in (lambda: list(all_of(model, frame)), lambda: [fitted.transform(frame)]):
        assert_finite_or_said(call, "'odd'", "rescale X", "X holds values")


FITTED_ON_A_FRAME = {
    library: StableAutoencoder(1, n_init=1, max_iter=1, random_state=0).fit(
        library.DataFrame({"before": np.arange(9.0), "odd": np.arange(9.0) ** 2})
    )
    for library in (pd, pl)
}


@MANY
@given(data=st.data())
def test_any_rows(data, tmp_path_factory):
    X = contained(data.draw, data.draw(rows()), tmp_path_factory.mktemp("rows"))
    kind = data.draw(st.sampled_from(FAMILY))
    model = kind(data.draw(st.integers(1, 8)), n_init=2, max_iter=2, random_state=0)
    with CONTEXTS[data.draw(st.sampled_from(sorted(CONTEXTS)))]():
        assert_finite_or_said(lambda: list(all_of(model, X)), *CULPRITS)


@MANY
@given(data=st.data())
def test_rows_with_values_that_are_none(data):
    X = data.draw(rows(bad=True))
    kind = data.draw(st.sampled_from(FAMILY))
    model = kind(2, n_init=2, max_iter=2, random_state=0)
    assert_finite_or_said(lambda: list(all_of(model, X)), *CULPRITS)
    if not np.isfinite(X).all():
        with pytest.raises(ValueError, match="contains (NaN|infinity)|minimum of 2"):
            model.fit(X)


@MANY
@given(data=st.data())
def test_rows_that_come_later(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    n_features = data.draw(st.sampled_from([1, 4, 150]))
    kind = data.draw(st.sampled_from(FAMILY))
    model = kind(2, n_init=2, max_iter=2, random_state=0).fit(
        rng.normal(size=(30, n_features))
    )
    state = model.transform(np.zeros((1, n_features)))
    new = data.draw(rows(bad=data.draw(st.booleans())))

    def embed():
        codes = model.transform(new)
        yield codes
        yield model.inverse_transform(codes)

    assert_finite_or_said(lambda: list(embed()), *CULPRITS)
    np.testing.assert_array_equal(model.transform(np.zeros((1, n_features))), state)


@MANY
@given(data=st.data())
def test_codes_of_any_kind(data, tmp_path_factory):
    model = fitted(data.draw(st.sampled_from(FAMILY)))
    codes = data.draw(rows(bad=data.draw(st.booleans())))
    codes = contained(data.draw, codes, tmp_path_factory.mktemp("codes"))
    assert_finite_or_said(lambda: [model.inverse_transform(codes)], *CULPRITS, "code")


@cache
def fitted(kind):
    """An estimator of a class, fitted on first use and not when tests are collected."""
    return kind(2, n_init=2, max_iter=2, random_state=0).fit(np.eye(6))


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=4),
    st.lists(st.integers(-2, 300), max_size=3),
    st.sampled_from(
        [np.nan, np.float32(2), np.array(3), {}, set(), object, print, b"2"]
    ),
)


@MANY
@given(data=st.data())
def test_parameters_of_any_type(data, tmp_path_factory):
    kind = data.draw(st.sampled_from(FAMILY))
    names = sorted(kind().get_params())
    name = data.draw(st.sampled_from(names))
    value = data.draw(JUNK)
    if name == "checkpoint" and isinstance(value, str):
        value = tmp_path_factory.mktemp("checkpoints") / "file"
    model = kind(n_init=2, max_iter=2, random_state=0).set_params(**{name: value})
    X = np.random.default_rng(0).normal(size=(12, 4))
    if name == "max_iter" and isinstance(value, int) and value > 0:
        return
    assert_finite_or_said(lambda: list(all_of(model, X)), name, name.replace("_", " "))
