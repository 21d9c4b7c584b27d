"""What holds samples: what is read, and what is refused with advice."""

import warnings
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array

from stable_embedding import StableAutoencoder
from stable_embedding.data.containers import check_samples, readable
from stable_embedding.quality import normalized_stress
from tests.precision import assert_near

X = np.arange(12.0).reshape(4, 3)
TENSOR = torch.from_numpy(X)


def quiet(build):
    """Build what torch or pandas has a warning for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build()


# ------------------------------------------------------------------ what is read

READ = {
    "tensor": TENSOR,
    "with a gradient": TENSOR.clone().requires_grad_(),
    "parameter": torch.nn.Parameter(TENSOR),
    "bfloat16": TENSOR.bfloat16(),
    "float16": TENSOR.half(),
    "integers": TENSOR.int(),
    "negative bit": torch._neg_view(-TENSOR),
    "list of tensors": [*TENSOR.clone().requires_grad_()],
    "list of bfloat16": [*TENSOR.bfloat16()],
    "list": X.tolist(),
    "tuple": tuple(X),
    "objects": X.astype(object),
    "text of numbers": X.astype(str),
    "mask that hides nothing": np.ma.masked_array(X, mask=np.zeros_like(X)),
    "pandas": pd.DataFrame(X, columns=["a", "b", "c"]),
    "nullable": pd.DataFrame(X, columns=["a", "b", "c"]).astype("Float64"),
    "polars": pl.DataFrame(X),
    "sparse": csr_array(X),
    "coordinates": csr_array(X).tocoo(),
}


@pytest.mark.parametrize("kind", READ)
def test_samples_are_read(kind):
    np.testing.assert_array_equal(check_samples(READ[kind]), X)


@pytest.mark.parametrize("kind", ["sparse", "coordinates"])
def test_sparse_samples_stay_so_where_they_are_accepted(kind):
    found = check_samples(READ[kind], accept_sparse=True)
    assert found.format == "csr"
    np.testing.assert_array_equal(found.toarray(), X)


def test_a_tensor_is_read_without_a_copy():
    with_gradient = TENSOR.clone().requires_grad_()
    for tensor in (TENSOR, with_gradient):
        assert np.shares_memory(readable(tensor), tensor.detach().numpy())


# --------------------------------------------------------------- what is refused

CONTAINERS = {
    "lazy": (pl.DataFrame(X).lazy(), TypeError, r"X is a LazyFrame.*X\.collect\(\)"),
    "sparse tensor": (TENSOR.to_sparse(), TypeError, r"sparse_coo.*X\.to_dense\(\)"),
    "csr tensor": (
        quiet(TENSOR.to_sparse_csr),
        TypeError,
        r"sparse_csr.*X\.to_dense\(\)",
    ),
    "meta tensor": (TENSOR.to("meta"), TypeError, "meta.*no values.*cpu"),
    "nested tensor": (
        quiet(lambda: torch.nested.nested_tensor([TENSOR[0], TENSOR[1, :2]])),
        TypeError,
        "samples differ in length",
    ),
    "quantized tensor": (
        quiet(lambda: torch.quantize_per_tensor(TENSOR.float(), 1, 0, torch.qint8)),
        TypeError,
        r"qint8.*X\.dequantize\(\)",
    ),
    "complex tensor": (torch.complex(TENSOR, TENSOR), ValueError, "Complex.* X .*real"),
    "conjugate tensor": (
        torch.complex(TENSOR, TENSOR).conj(),
        ValueError,
        "Complex.* X .*real",
    ),
    "images": (
        np.ones((4, 5, 5)),
        ValueError,
        r"\(4, 5, 5\).*X\.reshape\(len\(X\), -1",
    ),
    "channels": (np.ones((4, 1, 5, 5)), ValueError, r"\(4, 1, 5, 5\).*X\.reshape\(len"),
    "image tensor": (torch.ones((4, 5, 5)), ValueError, r"dim 3.*X\.reshape\(len\(X\)"),
    "list of images": ([*np.ones((4, 5, 5))], ValueError, r"np\.reshape\(X, \(len\(X"),
    "nested lists": (np.ones((4, 5, 5)).tolist(), ValueError, r"\(4, 5, 5\).*reshape"),
    "dates": (np.full((4, 2), "2020-01-01", "M8[D]"), TypeError, r"M8|datetime64\[D\]"),
    "durations": (np.ones((4, 2), "m8[s]"), TypeError, r"timedelta64\[s\].*numbers"),
    "fields": (
        np.zeros(4, [("a", float), ("b", int)]),
        TypeError,
        "'a', 'b'.*structured_to_unstructured",
    ),
    "mask": (np.ma.masked_greater(X, 5), ValueError, r"masked.*X\.filled\(np\.nan\)"),
    "path": ("data.csv", TypeError, "X is of type str; it must be an array"),
    "dict": ({"a": [1, 2]}, TypeError, "X is of type dict.*data frame"),
    "generator": ((row for row in X), TypeError, "X is of type generator"),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError, "X has samples of 1 to 2 features"),
    "complex": (X + 1j, ValueError, "Complex data not supported: X"),
    "sparse complex": (csr_array(X + 1j), ValueError, "Complex data not supported: X"),
    "text": (
        np.array([["1", "b"]]),
        ValueError,
        "float: 'b' in column 1 of X;.*OneHot",
    ),
    "object": (
        np.array([[1, {}]], dtype=object),
        TypeError,
        "must be a string or a real number.*column 1 of X",
    ),
    "nan": (np.array([[1, np.nan]]), ValueError, "contains NaN in column 1; .*impute"),
    "both infinities": (
        np.array([[np.inf, 1], [-np.inf, 2]]),
        ValueError,
        "infinity .* in column 0",
    ),
    "sparse nan": (csr_array([[0, np.nan]]), ValueError, "contains NaN in column 1"),
    "sparse inf": (csr_array([[0, -np.inf]]), ValueError, "infinity.* in column 1"),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_containers_are_refused_with_advice(kind):
    container, error, message = CONTAINERS[kind]
    with pytest.raises(error, match=message):
        check_samples(container, accept_sparse=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_tensor_elsewhere_is_refused():
    with pytest.raises(TypeError, match=r"on the device cuda:0; pass X\.cpu\(\)"):
        check_samples(TENSOR.to("cuda"))


DAYS = [date(2020, 1, 1), date(2020, 1, 2), None, date(2020, 1, 4)]
TIMES = [datetime(2020, 1, day) for day in range(1, 5)]

COLUMNS = {
    "comma": (["1.5", "2", "12,5", "3"], ValueError, "'12,5' in column 'price' of X;"),
    "word": (
        ["abc", "1", "2", "3"],
        ValueError,
        "'abc' in column 'price' of X; .*Colu",
    ),
    "missing text": ([None, "1", "2", "b"], ValueError, "'b' in column 'price' of X"),
    "bytes": ([b"abc"] * 4, ValueError, "b'abc' in column 'price' of X"),
    "none": (
        [None, 1.0, 2.0, 3.0],
        ValueError,
        "NaN in column 'price'; .*SimpleImputer",
    ),
    "nan": ([1.0, 2.0, np.nan, 3.0], ValueError, "NaN in column 'price';"),
    "infinity": ([1.0, 2.0, np.inf, 3.0], ValueError, "infinity .* in column 'price';"),
    "days": (DAYS, TypeError, "dates .* in column 'price' of X .*numbers"),
    "times": (TIMES, TypeError, "dates .* in column 'price' of X .*numbers"),
    "durations": ([timedelta(1)] * 4, TypeError, "durations .* in column 'price' of X"),
    "lists": ([[1, 2]] * 4, ValueError, "column 'price' of X holds .*one number"),
    "dicts": ([{"a": [1]}] * 4, (TypeError, ValueError), "column 'price' of X holds"),
}

OF_PANDAS = {
    "complex": ([1j] * 4, ValueError, "Complex.*column 'price' of X"),
    "categories": (
        pd.Categorical([*"abca"]),
        ValueError,
        "'a' in column 'price' .*OneH",
    ),
    "zones": (
        pd.date_range("2020", periods=4, tz="UTC"),
        TypeError,
        "dates .*UTC.* in column 'price' of X",
    ),
    "periods": (
        pd.period_range("2020", periods=4, freq="D"),
        TypeError,
        "Period.*column 'price' of X",
    ),
    "nullable": (pd.array([1, None, 2, 3]), ValueError, "NaN in column 'price';"),
    "NA": (
        pd.Series([1, pd.NA, 2, 3], dtype=object),
        ValueError,
        "column 'price' of X contains NaN, as <NA>",
    ),
}

OF_POLARS = {
    "categories": (
        pl.Series(["a", "b", "c", "a"], dtype=pl.Categorical),
        ValueError,
        "'a' in column 'price' .*OneHotEncoder",
    ),
    "arrays": (
        pl.Series([[1, 2]] * 4, dtype=pl.Array(pl.Int64, 2)),
        ValueError,
        "column 'price' of X holds .*one number",
    ),
}

FRAMES = [
    (library, values, error, message)
    for library, own in ((pd, OF_PANDAS), (pl, OF_POLARS))
    for values, error, message in (COLUMNS | own).values()
]


@pytest.mark.parametrize(("library", "values", "error", "message"), FRAMES)
def test_the_column_of_a_frame_is_named(library, values, error, message):
    frame = library.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "price": values})
    with pytest.raises(error, match=message):
        check_samples(frame)


@pytest.mark.parametrize("library", [pd, pl])
def test_a_frame_of_dates_alone_is_refused_too(library):
    frame = library.DataFrame({"from": TIMES, "to": TIMES})
    with pytest.raises(TypeError, match="columns 'from', 'to' of X"):
        check_samples(frame)


def test_many_columns_are_counted():
    with pytest.raises(ValueError, match="in columns 0, 1, 2, 3, 4 and 35 more;"):
        check_samples(np.full((2, 40), np.nan))


def test_the_parameter_is_named():
    with pytest.raises(ValueError, match="Input X_new contains NaN in column 0"):
        check_samples([[np.nan]], "X_new")
    with pytest.raises(
        TypeError, match=r"codes\[1\] is a tensor.*codes\[1\]\.to_dense"
    ):
        readable([TENSOR[0], TENSOR[1].to_sparse()], "codes")


def test_an_error_about_something_else_is_left_as_it_is():
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        check_samples(pd.DataFrame({"a": [1.0]}), ensure_min_samples=2)
    with pytest.raises(ValueError, match="Expected a 2-dimensional container"):
        check_samples(pd.Series([1.0, 2.0]))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_entries_in_parts_are_added_up(metric, rng):
    X = csr_array(np.where(rng.random((80, 12)) < 0.4, rng.random((80, 12)), 0))
    parts = rng.random(X.nnz) / 2
    data = np.column_stack([X.data * parts, X.data * (1 - parts)]).ravel()
    in_parts = csr_array((data, np.repeat(X.indices, 2), 2 * X.indptr), X.shape)
    model = StableAutoencoder(metric=metric, n_init=1, max_iter=2, random_state=0)
    assert_near(model.fit_transform(in_parts), model.fit_transform(X), 1e-4)
    assert in_parts.nnz == 2 * X.nnz
    codes = rng.normal(size=(80, 2))
    found, expected = (
        normalized_stress(x, codes, metric=metric) for x in (in_parts, X)
    )
    assert found == pytest.approx(expected)


def test_dictionaries_of_keys_are_sparse_matrices(rng):
    X = csr_array(rng.random((30, 4)))
    model = StableAutoencoder(n_init=1, max_iter=2, random_state=0)
    np.testing.assert_array_equal(
        model.fit_transform(X.todok()), model.fit_transform(X)
    )
