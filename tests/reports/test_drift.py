from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, ks_2samp
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from stable_embedding import DriftReport, StableAutoencoder, drift_report
from stable_embedding.plotting import DriftDisplay
from stable_embedding.reports.drift import (
    compare_distributions,
    compare_largest,
    holm,
)

N_FEATURES = 6
LEVEL = 0.05


def drawn(n_samples, rng):
    """Draw samples near a sheet that is bent."""
    Z = rng.uniform(-1, 1, size=(n_samples, 2))
    axes = np.random.default_rng(1).normal(size=(2, N_FEATURES))
    return np.tanh(2 * Z @ axes) + 0.1 * rng.normal(size=(n_samples, N_FEATURES))


@pytest.fixture(scope="module")
def model():
    X = drawn(200, np.random.default_rng(2))
    return StableAutoencoder(n_init=1, max_iter=40, random_state=0).fit(X)


@pytest.mark.parametrize("n_new", [50, 1000])
def test_an_alarm_is_as_rare_as_its_level_says(n_new, model):
    rng = np.random.default_rng(n_new)
    n_draws = 60
    alarms = sum(
        drift_report(model, drawn(n_new, rng), drawn(150, rng), level=LEVEL).drifted
        for _ in range(n_draws)
    )
    # More would come by chance once in ten thousand times.
    assert alarms <= binom.ppf(1 - 1e-4, n_draws, LEVEL)


@pytest.mark.parametrize("n_new", [1, 2, 5])
@pytest.mark.parametrize("n_reference", [301, 2000])
def test_a_few_samples_beyond_all_others_may_be_there_by_chance(n_reference, n_new):
    values = np.arange(n_reference + n_new, dtype=float)[:, None]
    [(_, p)] = compare_distributions(values[:n_reference], values[n_reference:])
    # Of all choices of the new ones, the smallest values and the largest.
    assert p == pytest.approx(2 / comb(n_reference + n_new, n_new), rel=1e-6)


@pytest.fixture(scope="module")
def reference():
    return drawn(400, np.random.default_rng(3))


def drifted_features(report):
    return {
        row["name"]
        for row in report.rows
        if row["kind"] == "feature" and row["drifted"]
    }


def test_a_changed_unit_is_found_and_named(model, reference, rng):
    X = drawn(400, rng)
    X[:, 3] *= 2.2
    report = drift_report(model, X, reference)
    assert report.drifted
    assert "x3" in drifted_features(report)
    clearest = min(
        (row for row in report.rows if row["kind"] == "feature"),
        key=lambda row: row["p_value"],
    )
    assert clearest["name"] == "x3"
    assert "not the same" in report.verdict


def test_a_column_that_was_filled_by_its_mean_is_found(model, reference, rng):
    X = drawn(400, rng)
    X[:, 4] = reference[:, 4].mean()
    assert "x4" in drifted_features(drift_report(model, X, reference))


def test_a_group_of_a_twentieth_is_found_among_many(model, rng):
    X, reference = drawn(4000, rng), drawn(4000, rng)
    X[:200] = np.array([3, -3] * 3) + 0.1 * rng.normal(size=(200, N_FEATURES))
    report = drift_report(model, X, reference)
    assert report.rows[0]["drifted"]
    assert report.rows[1]["drifted"]
    of_one_percent = report.shares[-1]
    assert of_one_percent["expected"] == pytest.approx(0.01)
    assert of_one_percent["found"] > 0.04


def test_the_same_samples_are_the_same(model, reference):
    report = drift_report(model, reference, reference)
    assert not report.drifted
    assert {row["p_adjusted"] for row in report.rows} == {1.0}
    assert repr(report) == (
        "same as the reference at level 0.05 (400 new samples, 400 of the reference)"
    )


def test_errors_and_residuals_belong_together(model, reference):
    from stable_embedding.reports.drift_reference import measured

    found = measured(model, reference)
    np.testing.assert_allclose(
        np.square(found["feature"]).sum(axis=1), found["error"][:, 0], rtol=1e-4
    )


def test_a_group_that_is_too_small_for_the_distribution_has_the_largest_errors(rng):
    reference, new = rng.exponential(size=(2, 1000))
    assert compare_largest(reference, new)[1] > 1e-3
    new[:30] += 20
    excess, p = compare_largest(reference, new)
    assert p < 1e-6
    assert excess > 0.02
    assert ks_2samp(reference, new).pvalue > 1e-3
    # Fewer large errors than before are no group of a new kind.
    assert compare_largest(new, reference) == (0.0, pytest.approx(1))


@pytest.mark.parametrize("n_samples", [5, 15, 30, 48])
def test_columns_that_differ_by_one_sample_are_the_same(n_samples):
    # Warnings are errors: the exact p-value of SciPy is more than 1 by rounding.
    reference = np.zeros((n_samples, 2))
    new = reference.copy()
    new[0, 1] = 1.0
    (_, same), (statistic, one_differs) = compare_distributions(reference, new)
    assert [same, one_differs] == pytest.approx([1, 1])
    assert statistic == pytest.approx(1 / n_samples)


def test_p_values_are_adjusted_by_their_number():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([0.02]) == [0.02]


@pytest.fixture
def table(rng):
    return pd.DataFrame(
        {"age": rng.normal(40, 10, 120), "plan": rng.choice(["a", "b"], 120)}
    )


@pytest.mark.parametrize("behind", [(), (StandardScaler(),)])
def test_a_pipeline_on_a_table_names_its_columns(behind, table):
    steps = make_column_transformer(
        (StandardScaler(), ["age"]),
        (OneHotEncoder(sparse_output=False), ["plan"]),
        verbose_feature_names_out=False,
    )
    model = StableAutoencoder(n_init=1, max_iter=2, random_state=0)
    pipeline = make_pipeline(steps, model, *behind, LogisticRegression())
    pipeline.fit(table[:60], table["plan"][:60])
    report = drift_report(pipeline, table[60:90], table[90:])
    names = [row["name"] for row in report.rows]
    assert names[-3:] == ["age", "plan_a", "plan_b"]
    older = table[60:90].assign(age=lambda one: one["age"] + 60)
    assert drift_report(pipeline, older, table[90:]).drifted


def test_it_is_shown_as_a_frame_a_picture_and_a_page(model, reference, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    report = drift_report(model, 2 * reference, reference)
    frame = report.to_frame()
    assert len(frame) == 2 + 2 + N_FEATURES
    assert frame.loc[("error", "error"), "drifted"]
    display = report.plot()
    assert isinstance(display, DriftDisplay)
    widths = [bar.get_width() for bar in display.ax_.patches[: len(frame)]]
    assert widths == sorted(frame["statistic"], reverse=True)
    plt.close("all")
    report.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert report.verdict in page
    assert "data:image/" in page
    assert plt.get_fignums() == []


def test_a_display_shows_the_largest_differences():
    plt = pytest.importorskip("matplotlib.pyplot")
    statistics = {f"x{i}": i / 10 for i in range(5)}
    shown = DriftDisplay(statistics, dict.fromkeys(statistics, False), max_bars=2)
    labels = [text.get_text() for text in shown.plot().ax_.get_yticklabels()]
    assert labels == ["x4", "x3"]
    plt.close("all")


def test_a_display_shows_first_what_drifted():
    plt = pytest.importorskip("matplotlib.pyplot")
    statistics = {f"x{i}": i / 100 for i in range(30)} | {"largest errors": 0.001}
    drifted = {name: name in ("largest errors", "x3") for name in statistics}
    shown = DriftDisplay(statistics, drifted, max_bars=4).plot()
    labels = [text.get_text() for text in shown.ax_.get_yticklabels()]
    assert labels == ["x3", "largest errors", "x29", "x28"]
    assert shown.ax_.get_xlabel() == "statistic"
    plt.close("all")


def test_comparisons_with_one_name_have_a_bar_each():
    plt = pytest.importorskip("matplotlib.pyplot")
    rows = [
        {"kind": kind, "name": name, "statistic": statistic, "p_value": 1}
        for kind, name, statistic in [
            ("error", "error", 0.1),
            ("feature", "age", 0.2),
            ("feature", "age", 0.3),
            ("feature", "age (1)", 0.4),
        ]
    ]
    ax = DriftReport(rows, [], 9, 9).plot().ax_
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[-1] == "error"
    assert len(labels) == len(set(labels)) == 4
    assert all(label.startswith("feature age") for label in labels[:3])
    assert [bar.get_width() for bar in ax.patches[:4]] == [0.4, 0.3, 0.2, 0.1]
    plt.close("all")


@pytest.mark.parametrize(
    ("n_bars", "text"), [(4, "and 1 more"), (5, ""), (9, ""), (None, "")]
)
def test_a_display_says_how_many_it_does_not_show(n_bars, text):
    plt = pytest.importorskip("matplotlib.pyplot")
    statistics = {f"x{i}": i / 10 for i in range(5)}
    drifted = dict.fromkeys(statistics, False)
    shown = DriftDisplay(statistics, drifted, max_bars=n_bars).plot()
    assert shown.ax_.get_ylabel() == text
    plt.close("all")


def test_a_line_names_three_at_most():
    rows = [
        {"kind": "feature", "name": f"x{i}", "statistic": 1, "p_value": 0}
        for i in range(5)
    ]
    assert "feature x2 and 2 more (" in DriftReport(rows, [], 9, 9).verdict


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda m, X: drift_report(m, X, X, level=0), ValueError, "level"),
        (lambda m, X: drift_report(m, X[:, :2], X), ValueError, "2 features"),
        (lambda m, X: drift_report(m, np.nan * X, X), ValueError, "NaN"),
        (
            lambda m, X: drift_report(PCA(2).fit(X).set_params(), X, X[:0]),
            ValueError,
            "0 sample",
        ),
        (
            lambda m, X: drift_report(StandardScaler().fit(X), X, X),
            TypeError,
            "no score_samples",
        ),
        (lambda m, X: drift_report(StableAutoencoder(), X, X), ValueError, "fitted"),
    ],
)
def test_bad_arguments_are_named(call, kind, message, model, reference):
    with pytest.raises(kind, match=message):
        call(model, reference)


@pytest.mark.parametrize("name", ["X_new", "reference"])
def test_an_error_says_which_samples_it_is_about(iris, name):
    X, _ = iris
    given = {"X_new": X, "reference": X}
    given[name] = np.where(X[0] == X, np.nan, X)
    with pytest.raises(ValueError, match="NaN") as raised:
        drift_report(PCA(2).fit(X), **given)
    assert raised.value.__notes__ == [f"X is {name} of drift_report"]
