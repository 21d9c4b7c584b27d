"""Tables in, numbers out, such that each column counts the same."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array, issparse
from scipy.spatial.distance import pdist
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from stable_embedding import StableAutoencoder, manifold_variance_score
from stable_embedding.preprocessing import MixedDataEncoder, mixed_data
from tests.test_common import EXTRA_CHECKS

SETTINGS = [
    MixedDataEncoder(),
    MixedDataEncoder(distance="chi2", norm="eigenvalue"),
    MixedDataEncoder(sparse_output=True),
]
SCALES = [
    {"distance": distance, "norm": norm}
    for distance in ("matching", "chi2")
    for norm in ("variance", "eigenvalue")
]


def table(n_samples=300, seed=0):
    """Numbers and categories of all kinds."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(40, 9, n_samples),
            "job": pd.Categorical(rng.choice(list("abcdefg"), n_samples)),
            "flag": rng.random(n_samples) < 0.2,
            "city": rng.choice(np.array(["x", "y", np.nan], dtype=object), n_samples),
            "kids": rng.integers(0, 4, n_samples),
            "always": "k",
        }
    )


def polars_table(n_samples=300, seed=0):
    frame = table(n_samples, seed)
    columns = {
        name: frame[name].astype(object).where(frame[name].notna(), None).tolist()
        for name in frame
    }
    return pl.DataFrame(columns).with_columns(pl.col("job").cast(pl.Categorical))


def array_of(encoded):
    return encoded.toarray() if issparse(encoded) else encoded


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@parametrize_with_checks(SETTINGS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("name", EXTRA_CHECKS)
def test_scikit_learns_extra_checks(name):
    getattr(estimator_checks, name)("MixedDataEncoder", MixedDataEncoder())


@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("sparse_output", [False, True])
@pytest.mark.parametrize("build", [table, polars_table])
def test_each_column_has_the_norm_that_is_asked_for(scales, sparse_output, build):
    frame = build()
    encoder = MixedDataEncoder(**scales, sparse_output=sparse_output)
    encoded = array_of(encoder.fit_transform(frame))
    assert encoded.dtype == np.float64
    for i, name in enumerate(frame.columns):
        block = encoded[:, encoder.column_indices_ == i]
        variances = np.linalg.eigvalsh(np.atleast_2d(np.cov(block.T, bias=True)))
        found = {"variance": variances.sum(), "eigenvalue": variances.max()}
        # Rounding of float64.
        expected = 0 if name == "always" else 1
        assert found[scales["norm"]] == pytest.approx(expected, abs=1e-9)


@pytest.mark.numeric
def test_numbers_are_standardized_as_scikit_learn_does(iris):
    X, _ = iris
    expected = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(MixedDataEncoder().fit_transform(X), expected)


@pytest.mark.parametrize("unit", [1e-200, 1e-160, 1e160, 1e300])
def test_numbers_are_standardized_in_any_unit(unit, iris):
    X, _ = iris
    encoder = MixedDataEncoder().fit(unit * X)
    codes = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(encoder.transform(unit * X), codes)
    np.testing.assert_allclose(encoder.inverse_transform(codes), unit * X)
    assert MixedDataEncoder().fit(np.full((9, 1), unit)).scale_ == 1


@pytest.mark.numeric
@pytest.mark.parametrize("n_samples", [1_000, 20_000])
def test_a_column_that_is_constant_up_to_rounding_becomes_zero(n_samples, rng):
    around = 1.7e18 + 256.0 * rng.integers(0, 100, n_samples)
    X = np.column_stack([around, rng.normal(size=n_samples)])
    encoder = MixedDataEncoder()
    codes = encoder.fit_transform(X)
    assert np.abs(codes[:, 0]).max() < 1e-9
    np.testing.assert_allclose(codes[:, 1].std(), 1)
    np.testing.assert_allclose(encoder.inverse_transform(codes), X)


@pytest.mark.numeric
def test_pca_of_it_is_factor_analysis_of_mixed_data():
    # Of the variance of the first axis each column holds its squared correlation with
    # the scores; for a category that is the correlation ratio (Pages, 2004).
    frame = table().drop(columns="always")
    encoder = MixedDataEncoder(distance="chi2", norm="eigenvalue")
    pca = PCA(1).fit(encoder.fit_transform(frame))
    scores = pd.Series(pca.transform(encoder.transform(frame))[:, 0])
    total = 0.0
    for name in frame:
        column = frame[name]
        if name in ("age", "kids"):
            total += np.corrcoef(column, scores)[0, 1] ** 2
        else:
            groups = scores.groupby([str(level) for level in column])
            total += groups.transform("mean").var() / scores.var()
    n = len(frame)  # PCA divides by n - 1
    assert pca.explained_variance_[0] * (n - 1) / n == pytest.approx(total)


@pytest.mark.numeric
def test_levels_are_equally_far_apart_if_they_only_match():
    frame = pd.DataFrame({"level": ["a"] * 90 + ["b"] * 9 + ["c"]})
    encoder = MixedDataEncoder().fit(frame)
    distances = pdist(encoder.transform(pd.DataFrame({"level": list("abc")})))
    np.testing.assert_allclose(distances, distances[0])
    assert np.square(pdist(encoder.transform(frame))).mean() == pytest.approx(
        2 * 100 / 99  # of all pairs, of which none is a sample with itself
    )


@pytest.mark.numeric
def test_sparse_output_is_shifted_and_nothing_else():
    frame, unseen = table(), table(50, seed=1)
    dense = MixedDataEncoder().fit(frame)
    sparse = MixedDataEncoder(sparse_output=True).fit(frame)
    assert isinstance(sparse.transform(unseen), csr_array)
    shift = sparse.transform(unseen).toarray() - dense.transform(unseen)
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape))
    assert sparse.transform(unseen).nnz < np.size(shift)


@pytest.mark.parametrize("build", [table, polars_table])
@pytest.mark.parametrize("encoder", SETTINGS, ids=str)
def test_the_inverse_gives_the_table_back(build, encoder):
    frame = build()
    encoder = clone(encoder).fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))
    assert type(back) is type(frame)
    assert list(back.columns) == list(frame.columns)
    for name, dtype in zip(frame.columns, frame.dtypes):
        if name in ("age", "kids"):
            np.testing.assert_allclose(back[name].to_numpy(), frame[name].to_numpy())
        else:
            assert dict(zip(back.columns, back.dtypes))[name] == dtype
            if build is table:
                pd.testing.assert_series_equal(back[name], frame[name])
            else:
                assert back[name].equals(frame[name])


def test_the_inverse_of_a_frame_has_its_ids():
    frame = table().set_axis([f"customer {i}" for i in range(len(table()))])
    encoder = MixedDataEncoder().set_output(transform="pandas").fit(frame)
    codes = encoder.transform(frame[::-1])
    assert encoder.inverse_transform(codes).index.equals(frame.index[::-1])
    assert encoder.inverse_transform(codes.to_numpy()).index[0] == 0


def test_the_inverse_reads_columns_in_their_order():
    encoder = MixedDataEncoder().set_output(transform="pandas")
    encoded = encoder.fit_transform(table())
    with pytest.raises(ValueError, match="X has the column .* pass X.names., with"):
        encoder.inverse_transform(encoded[encoded.columns[::-1]])


def test_the_inverse_of_arrays_is_an_array(iris):
    X, _ = iris
    encoder = MixedDataEncoder().fit(X)
    back = encoder.inverse_transform(encoder.transform(X))
    assert back.dtype == np.float64
    np.testing.assert_allclose(back, X)
    whole = np.round(X).astype(int)
    encoder = MixedDataEncoder([3]).fit(whole)
    back = encoder.inverse_transform(encoder.transform(whole))
    assert back.dtype == object
    np.testing.assert_allclose(back.astype(float), whole)
    assert set(back[:, 3]) == {0, 1, 2}


@pytest.mark.parametrize("n_components", [2, 9])
def test_what_is_reconstructed_is_a_table_again(n_components):
    frame = table()
    pipeline = make_pipeline(
        MixedDataEncoder(),
        StableAutoencoder(n_components, n_init=1, max_iter=30, random_state=0),
    ).fit(frame)
    back = pipeline.inverse_transform(pipeline.transform(frame))
    assert list(back.columns) == list(frame.columns)
    for name in ("job", "flag", "city"):
        assert set(back[name].dropna()) <= set(frame[name].dropna())
    rate = (back["flag"] == frame["flag"]).mean()
    assert rate >= (~frame["flag"]).mean() if n_components == 9 else rate > 0.5


class TestUnknownLevels:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "job": ["a", "a", "b", "c"]})
    new = pd.DataFrame({"x": [1.0, 2.0], "job": ["a", "z"]})

    def test_they_are_refused_by_name(self):
        encoder = MixedDataEncoder().fit(self.frame)
        with pytest.raises(ValueError, match="column 'job' of X holds 'z', a level"):
            encoder.transform(self.new)
        missing = pd.DataFrame({"x": [1.0], "job": [None]})
        with pytest.raises(ValueError, match="column 'job' of X holds nan, a level"):
            encoder.transform(missing)
        of_array = MixedDataEncoder().fit(self.frame.to_numpy(dtype=object))
        with pytest.raises(ValueError, match="column 1 of X holds 'z', a level"):
            of_array.transform(self.new.to_numpy(dtype=object))

    @pytest.mark.parametrize("sparse_output", [False, True])
    @pytest.mark.parametrize("handle_unknown", ["ignore", "infrequent_if_exist"])
    def test_or_lie_at_the_mean(self, sparse_output, handle_unknown):
        encoder = MixedDataEncoder(
            handle_unknown=handle_unknown, sparse_output=sparse_output
        )
        mean = array_of(encoder.fit_transform(self.frame)).mean(axis=0)
        found = array_of(encoder.transform(self.new))
        np.testing.assert_allclose(found[1, 1:], mean[1:], atol=1e-12)

    def test_or_among_the_merged(self):
        encoder = MixedDataEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=2
        ).fit(self.frame)
        rare = self.frame.iloc[2:3].assign(x=2.0)
        np.testing.assert_array_equal(
            encoder.transform(self.new)[1], encoder.transform(rare)[0]
        )
        back = encoder.inverse_transform(encoder.transform(self.new))
        assert back["job"].tolist() == ["a", "b"]

    def test_parameters_count_from_the_next_fit_on(self):
        encoder = MixedDataEncoder(handle_unknown="ignore").fit(self.frame)
        expected = encoder.transform(self.new)
        encoder.set_params(
            handle_unknown="error", sparse_output=True, norm="eigenvalue"
        )
        np.testing.assert_array_equal(encoder.transform(self.new), expected)


def test_rare_levels_are_merged():
    frame = pd.DataFrame({"job": ["a"] * 60 + ["b"] * 35 + list("cdefg")})
    encoder = MixedDataEncoder(distance="chi2")
    far = np.abs(encoder.fit_transform(frame))
    near = np.abs(encoder.set_params(min_frequency=0.05).fit_transform(frame))
    assert far.shape[1] == 7
    assert near.shape[1] == 3
    assert near.max() < far.max()
    few = MixedDataEncoder(max_categories=2).fit(frame)
    names = ["job_a", "job_infrequent_sklearn"]
    assert few.get_feature_names_out().tolist() == names


@pytest.mark.numeric
def test_columns_of_a_group_count_as_one():
    frame = table().assign(again=lambda frame: frame["age"] + frame["kids"])
    groups = {"age": "numbers", "kids": "numbers", "again": "numbers", "job": "numbers"}
    for norm in ("variance", "eigenvalue"):
        for of_groups in (groups, lambda name: groups.get(name, name)):
            encoder = MixedDataEncoder(groups=of_groups, norm=norm)
            encoded = encoder.fit_transform(frame)
            names = np.array(frame.columns)[encoder.column_indices_]
            block = encoded[:, np.isin(names, list(groups))]
            variances = np.linalg.eigvalsh(np.cov(block.T, bias=True))
            found = {"variance": variances.sum(), "eigenvalue": variances.max()}
            assert found[norm] == pytest.approx(1)
            # Within the group its columns still count the same.
            assert encoded[:, names == "age"].var() == pytest.approx(
                encoded[:, names == "kids"].var()
            )
            flag = np.linalg.eigvalsh(np.cov(encoded[:, names == "flag"].T, bias=True))
            assert flag.max() == pytest.approx(1)
    by_place = MixedDataEncoder(groups={0: "a", 1: "a"}).fit_transform(np.eye(3))
    assert by_place[:, :2].var(axis=0).sum() == pytest.approx(1)


def test_where_columns_come_from_is_told():
    encoder = MixedDataEncoder().fit(table())
    names = np.array(table().columns)[encoder.column_indices_]
    for name, feature in zip(names, encoder.get_feature_names_out()):
        assert feature == name or feature.startswith(f"{name}_")
    assert encoder.is_categorical_.tolist() == [False, True, True, True, False, True]
    assert [len(one) for one in encoder.categories_] == [7, 2, 3, 1]


def test_a_column_of_several_levels_is_chosen_by_name():
    frame = pd.DataFrame(
        {("u", "age"): np.arange(20.0), ("v", "plan"): [1, 2] * 10}
    )  # numbers, which are categories by choice alone
    for chosen in ([("v", "plan")], [("v", "plan"), 0]):
        encoder = MixedDataEncoder(categorical_features=chosen).fit(frame)
        assert encoder.is_categorical_.tolist() == [0 in chosen, True]


def test_columns_are_categories_by_choice():
    encoder = MixedDataEncoder(["kids", "job", "flag", "city", "always"]).fit(table())
    assert "kids_3" in encoder.get_feature_names_out()
    with pytest.raises(ValueError, match=r"could not convert.* in column 'job'"):
        MixedDataEncoder(["kids"]).fit(table())


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"age": [np.nan] * 300}, ValueError, "NaN in column 'age'"),
        ({"age": [np.inf] * 300}, ValueError, "infinity .*in column 'age'"),
        ({"day": pd.Timestamp("2024-01-01")}, TypeError, "in column 'day' of X"),
        ({"city": pd.Series([1, "a"] * 150, dtype=object)}, TypeError, "column 'city'"),
    ],
    ids=str,
)
def test_a_column_at_fault_is_named_and_an_earlier_fit_survives(change, error, match):
    frame = table()
    encoder = MixedDataEncoder().fit(frame)
    before = encoder.transform(frame)
    with pytest.raises(error, match=match):
        encoder.fit(frame.assign(**change))
    np.testing.assert_array_equal(encoder.transform(frame), before)


def test_a_fit_that_runs_out_of_memory_leaves_the_earlier_one(monkeypatch):
    frame = table()
    encoder = MixedDataEncoder().fit(frame)
    before, fitted = encoder.transform(frame), dict(vars(encoder))

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(mixed_data, "block_variances", fail)
    with pytest.raises(MemoryError):
        encoder.fit(table(20, seed=1)[["job", "age"]])
    assert vars(encoder) == fitted
    np.testing.assert_array_equal(encoder.transform(frame), before)


@pytest.mark.parametrize("fill", [0.0, 1.0, np.nan])
def test_sparse_columns_of_a_frame_are_numbers_as_others_are(fill, rng):
    words = pd.DataFrame(rng.poisson(0.3, (50, 3)), columns=["w1", "w2", "w3"])
    words = words.astype(float)
    sparse = words.astype(pd.SparseDtype(float, fill))
    for more in ({}, {"plan": ["a", "b"] * 25}):
        expected = MixedDataEncoder().fit_transform(words.assign(**more))
        found = MixedDataEncoder().fit_transform(sparse.assign(**more))
        # The columns lie otherwise in memory, and are added up in another order.
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("handle_unknown", ["error", "ignore", "infrequent_if_exist"])
@pytest.mark.parametrize(
    ("june", "july", "message"),
    [
        (["1", None, "1X"], [1, 2, 1], r"numbers \(1\), but held text \('1'\) in fit"),
        ([1, 2, 1], [None, "1", "1X"], r"text \('1'\), but held numbers \(1\) in fit"),
        ([True, False, True], ["True", "False", None], "text .* held booleans"),
        (["True", "False", "True"], [False, True, True], "booleans .* held text"),
    ],
)
def test_text_and_numbers_are_never_one_column(june, july, message, handle_unknown):
    encoder = MixedDataEncoder(["zip"], handle_unknown=handle_unknown)
    tables = (
        pd.DataFrame({"age": [1.0, 2.0, 3.0], "zip": pd.Series(values, dtype=object)})
        for values in (june, july)
    )
    encoder.fit(next(tables))
    with pytest.raises(TypeError, match=f"'zip' of X holds {message}"):
        encoder.transform(next(tables))


def test_a_column_with_no_level_is_of_any_kind():
    encoder = MixedDataEncoder(["zip"], handle_unknown="ignore")
    known, missing = (
        pd.DataFrame({"zip": pd.Series(values, dtype=object)})
        for values in (["a", "b"], [None, None])
    )
    assert not encoder.fit(known).transform(missing).any()
    assert not encoder.fit(missing).transform(known).any()


def test_what_is_no_table_is_refused():
    with pytest.raises(NotFittedError):
        MixedDataEncoder().transform(table())
    with pytest.raises(TypeError, match="Sparse"):
        MixedDataEncoder().fit(csr_array(np.eye(3)))
    for empty in (table()[:0], table()[[]]):
        with pytest.raises(ValueError, match=r"Found array with 0 (sample|feature)"):
            MixedDataEncoder().fit(empty)
    twice = pd.concat([table(), table()], axis=1)
    with pytest.raises(ValueError, match="column 'age' more than once"):
        MixedDataEncoder().fit(twice)
    encoder = MixedDataEncoder().fit(table())
    with pytest.raises(ValueError, match="X has 2 features, but MixedDataEncoder"):
        encoder.inverse_transform(np.eye(2))
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(table().rename(columns={"age": "years"}))


def test_a_sample_less_moves_distances_little():
    # With "chi2" a level of one sample holds a part of the column's variance that is
    # lost with the sample.
    frame = pd.DataFrame({"job": ["a"] * 50 + ["b"] * 49 + ["c"]})
    ends = pd.DataFrame({"job": ["a", "b"]})
    moved = {}
    for distance in ("matching", "chi2"):
        encoder = MixedDataEncoder(distance=distance)
        [of_all] = pdist(encoder.fit(frame).transform(ends))
        [of_less] = pdist(encoder.fit(frame[:99]).transform(ends))
        moved[distance] = abs(of_less / of_all - 1)
    assert moved["matching"] < 0.02 < 0.2 < moved["chi2"]


def test_pickles_and_clones():
    encoder = MixedDataEncoder(distance="chi2").fit(table())
    again = pickle.loads(pickle.dumps(encoder))
    encoded = encoder.transform(table())
    np.testing.assert_array_equal(again.transform(table()), encoded)
    pd.testing.assert_frame_equal(
        again.inverse_transform(encoded), encoder.inverse_transform(encoded)
    )
    assert len(pickle.dumps(encoder)) < 20_000  # no samples
    fresh = clone(encoder).fit_transform(table())
    np.testing.assert_array_equal(fresh, encoded)


@pytest.mark.parametrize("build", [table, polars_table])
def test_it_is_saved_without_code(build):
    skops = pytest.importorskip("skops.io")
    encoder = MixedDataEncoder().fit(build())
    dumped = skops.dumps(encoder)
    untrusted = skops.get_untrusted_types(data=dumped)
    again = skops.loads(dumped, trusted=untrusted)
    assert all(one.startswith("stable_embedding.") for one in untrusted)
    encoded = encoder.transform(build())
    np.testing.assert_array_equal(again.transform(build()), encoded)
    found = again.inverse_transform(encoded)
    assert found.equals(encoder.inverse_transform(encoded))


def test_data_frames_come_out_where_they_are_asked_for():
    encoder = MixedDataEncoder().set_output(transform="pandas")
    frame = encoder.fit_transform(table())
    assert list(frame.columns) == list(encoder.get_feature_names_out())
    with pytest.raises(ValueError, match="sparse"):
        clone(encoder).set_params(sparse_output=True).fit_transform(table())


def test_behind_an_imputer_before_a_classifier_in_a_search():
    frame = table()
    y = frame["job"].isin(["a", "b"]).to_numpy()
    frame.loc[::7, "age"] = np.nan
    impute = make_column_transformer(
        (SimpleImputer(), ["age"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    pipeline = make_pipeline(
        impute,
        MixedDataEncoder(),
        StableAutoencoder(3, n_init=1, max_iter=5),
        LogisticRegression(),
    )
    grid = {"mixeddataencoder__distance": ["matching", "chi2"]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(frame, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.isfinite(manifold_variance_score(pipeline[:-1], frame))


def test_within_a_column_transformer():
    frame = table()
    columns = ColumnTransformer(
        [("mixed", MixedDataEncoder(), ["age", "job"])], remainder="drop"
    )
    found = columns.fit_transform(frame)
    expected = MixedDataEncoder().fit_transform(frame[["age", "job"]])
    np.testing.assert_array_equal(found, expected)


def test_settings_of_the_user_change_nothing():
    import sklearn

    expected = MixedDataEncoder().fit_transform(table())
    with sklearn.config_context(transform_output="pandas"), warnings.catch_warnings():
        encoder = MixedDataEncoder().fit(table())
        np.testing.assert_array_equal(encoder.transform(table()).to_numpy(), expected)


def test_integers_of_polars_with_nulls_stay_integers():
    X = pl.DataFrame({"code": [1, None, 3, 1], "size": [0.5, 1.5, 2.5, 3.5]})
    encoder = MixedDataEncoder(categorical_features=["code"]).fit(X)
    again = encoder.inverse_transform(encoder.transform(X))
    assert again["code"].to_list() == [1, None, 3, 1]
    assert again["code"].dtype == pl.Int64


def test_no_two_features_have_one_name():
    X = pd.DataFrame(
        {
            "plan_basic": [1.0, 2.0, 4.0],
            "plan": ["basic", "basic_1", "pro"],
            "s": np.array([None, "nan", "a"], dtype=object),
        }
    )
    encoder = MixedDataEncoder().set_output(transform="pandas")
    assert encoder.fit_transform(X).columns.tolist() == [
        "plan_basic",
        "plan_basic_2",
        "plan_basic_1",
        "plan_pro",
        "s_a",
        "s_nan",
        "s_nan_1",
    ]


@pytest.mark.parametrize("as_frame", [True, False])
def test_text_in_a_column_that_is_not_listed(as_frame):
    X = pd.DataFrame({"code": [1, 2, 1], "plan": ["a", "b", "a"]})
    X = X if as_frame else X.to_numpy()
    with pytest.raises(ValueError, match="'a' in column ('plan'|1) of X; ") as caught:
        MixedDataEncoder(categorical_features=[0]).fit(X)
    assert "list it in categorical_features of MixedDataEncoder" in str(caught.value)
    assert "OneHotEncoder" not in str(caught.value)
    MixedDataEncoder(categorical_features=[0, 1]).fit(X)
