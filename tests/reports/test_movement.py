from datetime import date, datetime
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stable_embedding import MovementReport, StableAutoencoder, movement_report, retrain
from stable_embedding.stability import displacement, neighbor_overlap
from tests.precision import assert_near

# Runs differ by their batches.
QUICK = {"max_iter": 5, "n_init": 2, "batch_size": 32, "random_state": 0}


@pytest.fixture(scope="module")
def maps(iris):
    """Return a pipeline, its successor, and all samples by name."""
    X, y = iris
    frame = pd.DataFrame(
        X, columns=list("abcd"), index=[f"flower {i}" for i in range(150)]
    )
    old = make_pipeline(
        StandardScaler(), StableAutoencoder(**QUICK), LogisticRegression()
    ).fit(frame[:120], y[:120])
    return old, retrain(old, frame, y, reference=frame[:120]).estimator, frame


def codes_in_frame(codes, index):
    return pd.DataFrame(codes, index=index, columns=["first", "second"])


@pytest.fixture
def stored(rng):
    """Return codes of two months, in which a sample is where its number says."""
    codes = rng.normal(size=(40, 2))
    names = np.array([f"c{i}" for i in range(40)])
    old = codes_in_frame(codes[:35], names[:35])
    order = rng.permutation(np.arange(5, 40))
    new = codes_in_frame(codes[order], names[order])
    return old, new


# ------------------------------------------------------------------- what it finds


@pytest.mark.numeric
def test_two_pipelines_are_compared_by_the_codes_of_their_maps(maps):
    old, new, frame = maps
    report = movement_report(old, new, frame)
    assert_near(report.old_codes, old[:2].transform(frame))
    assert_near(report.new_codes, new[:2].transform(frame))
    codes = report.old_codes, report.new_codes
    moved = np.linalg.norm(codes[1] - codes[0], axis=1)
    np.testing.assert_allclose(report.sample_displacement, moved)
    std = old[1].transform(old[0].transform(frame), return_std=True)[1]
    np.testing.assert_allclose(report.displacement_in_std, moved / std)
    assert report.ids == frame.index.tolist()
    assert report.summary["displacement"] == displacement(*codes)
    assert report.summary["aligned_displacement"] == displacement(*codes, aligned=True)
    assert report.summary["neighbor_overlap"] == neighbor_overlap(*codes)
    largest = report.largest()
    assert len(largest) == 10
    assert [row["displacement"] for row in largest] == sorted(moved)[:-11:-1]
    assert largest[0]["id"] == frame.index[moved.argmax()]
    assert report.rows == []


def test_stored_codes_are_joined_by_their_index(stored):
    old, new = stored
    moved = new.index[:3]
    new.loc[moved] += [3.0, 4.0]
    report = movement_report(old, new)
    common = set(old.index) & set(new.index)
    assert set(report.ids) == common
    assert report.summary["n_common"] == 30
    assert report.summary["n_only_old"] == 5
    assert report.summary["n_only_new"] == 5
    by_id = dict(zip(report.ids, report.sample_displacement))
    for name in common:
        assert by_id[name] == pytest.approx(5 if name in moved else 0, abs=1e-12)
    assert np.isnan(report.displacement_in_std).all()


@pytest.mark.numeric
@pytest.mark.parametrize("stored_one", ["old", "new"])
def test_a_map_against_codes_that_were_stored(stored_one, maps, rng):
    old, new, frame = maps
    kept = frame[20:].sample(frac=1, random_state=0)
    expected = movement_report(old, new, frame)
    of_frame = {"old": old, "new": new}
    of_frame[stored_one] = codes_in_frame(
        of_frame[stored_one][:2].transform(kept), kept.index
    )
    report = movement_report(**of_frame, X=frame, groups=np.arange(150) % 2)
    assert set(report.ids) == set(kept.index)
    places = [expected.ids.index(one) for one in report.ids]
    assert_near(report.old_codes, expected.old_codes[places])
    assert_near(report.new_codes, expected.new_codes[places])
    number = {name: i % 2 for i, name in enumerate(frame.index)}
    assert report.groups == [number[one] for one in report.ids]
    # The estimator that is left says how far its runs put samples apart.
    assert np.isfinite(report.displacement_in_std).all()


def test_groups_of_a_column_and_of_values(stored):
    old, new = stored
    table = pd.DataFrame({"plan": ["free", "pro", None, "pro"] * 10})
    table.index = [f"c{i}" for i in range(40)]
    new.loc[table.index[table["plan"] == "pro"].intersection(new.index)] += [0.0, 2.0]
    report = movement_report(old, new, table, groups="plan")
    assert report.rows[0]["group"] == "pro"
    assert {row["group"] for row in report.rows} == {"free", "pro", "missing"}
    assert sum(row["samples"] for row in report.rows) == 30
    for row in report.rows:
        expected = 2 if row["group"] == "pro" else 0
        for measure in ("mean", "median", "largest", "shift"):
            assert row[measure] == pytest.approx(expected, abs=1e-12)
    of_values = movement_report(old, new, groups=table["plan"][new.index])
    assert of_values.groups == report.groups


@pytest.mark.parametrize("unit", ["D", "s", "us", "ns"])
def test_groups_may_be_dates(unit, stored):
    days = np.array(["2024-01-01", "2024-02-01"], dtype=f"datetime64[{unit}]")
    report = movement_report(*stored, groups=np.resize(days, 35))
    is_day = unit == "D"
    assert {row["group"] for row in report.rows} == {
        date(2024, month, 1) if is_day else datetime(2024, month, 1) for month in (1, 2)
    }


def test_groups_may_be_tuples(stored, tmp_path):
    pytest.importorskip("matplotlib")
    groups = [("a", 1), ("b", 2), ("b", 3)]
    report = movement_report(*stored, groups=(groups * 12)[:35])
    assert {row["group"] for row in report.rows} == set(groups)
    assert set(report.to_frame()["group"]) == set(groups)
    report.to_html(tmp_path / "page.html")
    assert "(&#x27;b&#x27;, 3)" in (tmp_path / "page.html").read_text()


def test_samples_that_part_have_no_shift():
    codes = np.repeat([[0.0, 0.0], [5.0, 5.0]], 10, axis=0)
    ways = np.tile([[1.0, 0.0], [-1.0, 0.0]], (10, 1))
    report = MovementReport(
        list(range(20)), codes, codes + ways, groups=["a"] * 20, n_neighbors=2
    )
    assert report.rows == [
        {
            "group": "a",
            "samples": 20,
            "mean": 1.0,
            "median": 1.0,
            "largest": 1.0,
            "shift": 0.0,
        }
    ]


def test_runs_that_agree_to_rounding_have_no_deviation(rng):
    codes = 100 * rng.normal(size=(20, 2))
    std = np.where(np.arange(20) < 5, 1e-6, 2.0)
    found = MovementReport(list(range(20)), codes, codes + np.array([3.0, 4.0]), std)
    np.testing.assert_array_equal(np.isnan(found.displacement_in_std), std < 1)
    np.testing.assert_allclose(found.displacement_in_std[5:], 2.5)


@pytest.mark.parametrize("far", [1e6, 1e9])
def test_a_far_sample_changes_no_deviation_of_others(far, rng):
    codes, std = rng.normal(size=(20, 2)), rng.uniform(0.01, 1, 20)
    codes[7] = far
    moved = codes + np.array([3.0, 4.0])
    found = MovementReport(list(range(20)), codes, moved, std).displacement_in_std
    others = np.arange(20) != 7
    np.testing.assert_allclose(found[others], 5 / std[others])


def test_others_than_ours_and_no_ids(iris):
    X, y = iris
    report = movement_report(PCA(3).fit(X[:100]), PCA(3).fit(X), X, groups=y)
    assert report.ids == list(range(150))
    assert len(report.rows) == 3
    named = movement_report(PCA(3).fit(X[:100]), PCA(3).fit(X), X, ids=range(5, 155))
    assert named.ids == list(range(5, 155))


# ---------------------------------------------------------------------- how it looks


def test_a_frame_of_all_samples(maps):
    old, new, frame = maps
    groups = np.arange(150) // 50
    table = movement_report(old, new, frame, groups=groups).to_frame()
    assert table.index.tolist() == frame.index.tolist()
    assert table.columns.tolist() == [
        "displacement",
        "displacement_in_std",
        "group",
        "old_0",
        "old_1",
        "new_0",
        "new_1",
    ]
    ways = table[["new_0", "new_1"]].to_numpy() - table[["old_0", "old_1"]].to_numpy()
    np.testing.assert_allclose(np.linalg.norm(ways, axis=1), table["displacement"])
    assert table["group"].tolist() == groups.tolist()


class References(HTMLParser):
    """Collects what a page asks for, and its pictures."""

    def __init__(self):
        super().__init__()
        self.asked, self.pictures = [], 0

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.pictures += tag == "img"
        self.asked += [
            values[name]
            for name in ("src", "href")
            if not values.get(name, "data:").startswith("data:")
        ]


@pytest.mark.parametrize("n_components", [2, 3])
def test_a_page_holds_all_it_needs(n_components, iris, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    X, y = iris
    names = [f"<b>flower</b> {i}" for i in range(150)]
    maps = [PCA(n_components).fit(part) for part in (X[:100], X)]
    report = movement_report(*maps, X, ids=names, groups=y)
    report.to_html(tmp_path / "movement.html")
    page = (tmp_path / "movement.html").read_text(encoding="utf-8")
    found = References()
    found.feed(page)
    assert found.asked == []
    assert found.pictures == (n_components == 2)
    assert "&lt;b&gt;flower" in page
    assert "<b>flower" not in page
    assert "Groups" in page
    assert not plt.get_fignums()


@pytest.mark.parametrize("n_samples", [-1, 2.5])
def test_samples_that_moved_most_are_a_whole_number(n_samples, stored):
    report = movement_report(*stored)
    with pytest.raises(
        ValueError, match=f"n_samples={n_samples} must be a whole number"
    ):
        report.largest(n_samples)
    assert report.largest(0) == []
    assert len(report.largest(None)) == len(report.sample_displacement)


def test_it_prints_what_matters(stored):
    old, new = stored
    new.loc["c20"] += 9.0
    text = repr(movement_report(old, new, groups=["a", "b"] * 17 + ["a"]))
    assert "30 samples were embedded by both, 5 by the old one alone, 5 by" in text
    assert "id c20" in text
    assert "group a" in text


# ------------------------------------------------------------------ what is refused


def test_maps_that_cannot_be_joined(stored, maps):
    old, new = stored
    pipeline, _, frame = maps
    counted = old.reset_index(drop=True)
    for arguments, error, message in [
        ((counted, new), ValueError, "old is a data frame whose index is a range"),
        ((old, new[:0]), ValueError, "minimum of 1|0 sample"),
        ((old, new.add_prefix("x", axis=0)), ValueError, "have 0 ids in common"),
        ((old, new.to_numpy()), TypeError, "new is of type ndarray"),
        ((old, StableAutoencoder), TypeError, "new is of type ABCMeta|type"),
        ((old, pipeline), TypeError, "X=None, but new is an estimator"),
        ((old[["first"]], new), ValueError, "old has codes of 1 components and new of"),
    ]:
        with pytest.raises(error, match=message):
            movement_report(*arguments)
    counted = frame.reset_index(drop=True)
    with pytest.raises(ValueError, match="X has no ids"):
        movement_report(old, pipeline, counted)
    message = "X has 5 samples; n_neighbors=10 needs 11 or more"
    with pytest.raises(ValueError, match=f"^{message}$"):
        movement_report(pipeline, pipeline, frame[:5])


def test_components_in_another_order_are_refused(stored, maps):
    old, new = stored
    with pytest.raises(ValueError, match="new has the column 'second' where old has"):
        movement_report(old, new[["second", "first"]])
    pipeline, _, frame = maps
    model = pipeline[:2]
    for estimator in (model, make_pipeline(PCA(2)).fit(frame)):
        names = estimator[-1].get_feature_names_out()
        codes = pd.DataFrame(estimator.transform(frame), frame.index, names)
        assert movement_report(codes, estimator, frame).summary["displacement"] < 1e-6
        turned = codes[codes.columns[::-1]]
        with pytest.raises(
            ValueError, match=f"old has the column '{names[1]}' where new"
        ):
            movement_report(turned, estimator, frame)
        with pytest.raises(
            ValueError, match=f"new has the column '{names[1]}' where old"
        ):
            movement_report(estimator, turned, frame)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("color", "groups='color' is not a column of X; it has '"),
        (["a"], "groups has 1 values, but there are 150"),
        (np.zeros((150, 2)), r"groups has shape \(150, 2\)"),
        (3, r"groups has shape \(\)"),
    ],
)
def test_groups_that_are_not_as_described(groups, message, maps):
    old, new, frame = maps
    with pytest.raises(ValueError, match=message):
        movement_report(old, new, frame, groups=groups)


def test_groups_of_samples_that_x_lacks(stored):
    old, new = stored
    table = pd.DataFrame({"plan": ["a"] * 20}, index=[f"c{i}" for i in range(20)])
    with pytest.raises(ValueError, match="X lacks 15 of the samples"):
        movement_report(old, new, table, groups="plan")


@pytest.mark.parametrize("kind", ["array", "counted frame"])
def test_groups_of_stored_samples_are_never_joined_by_position(kind, rng):
    codes = rng.normal(size=(40, 2))
    old = codes_in_frame(codes, rng.permutation(40))
    new = codes_in_frame(codes, rng.permutation(40))
    X = rng.normal(size=(40, 3))
    if kind == "counted frame":
        X = pd.DataFrame(X)
    groups = ["a", "b"] * 20
    with pytest.raises(ValueError, match="X has no ids"):
        movement_report(old, new, X, groups=groups)
    report = movement_report(old, new, X, ids=range(40), groups=groups)
    assert report.groups == [groups[one] for one in report.ids]


def test_groups_may_be_a_column_that_no_estimator_was_fitted_on(maps):
    old, new, frame = maps
    plans = ["free", "pro", "free"] * 50
    report = movement_report(old, new, frame.assign(plan=plans), groups="plan")
    assert report.groups == plans
    stored = codes_in_frame(report.old_codes, frame.index)
    again = movement_report(stored, new, frame.assign(plan=plans), groups="plan")
    assert again.rows == report.rows


def test_ids_may_be_repeated_where_nothing_is_joined(maps):
    old, new, frame = maps
    expected = movement_report(old, new, frame, groups=[*"abc"] * 50)
    repeated = frame.set_axis(["a", "b"] * 75)
    found = movement_report(old, new, repeated, groups=[*"abc"] * 50)
    assert found.ids == ["a", "b"] * 75
    assert found.rows == expected.rows
    stored = codes_in_frame(found.old_codes, frame.index)
    with pytest.raises(ValueError, match="the id 'a' 75 times"):
        movement_report(stored, new, repeated)


def test_groups_with_ids_in_another_order_are_refused(maps, stored):
    frame = maps[2].set_axis([f"c{i}" for i in range(150)])
    groups = pd.Series(["a", "b"] * 75, index=frame.index)
    assert movement_report(*maps[:2], frame, groups=groups).groups == list(groups)
    with pytest.raises(ValueError, match="groups has the id 'c149' where X has 'c0'"):
        movement_report(*maps[:2], frame, groups=groups[::-1])
    groups = pd.Series("a", index=stored[1].index[::-1])
    with pytest.raises(ValueError, match=r"groups.loc\[new.index\]"):
        movement_report(*stored, groups=groups)


def test_names_of_groups_with_dollar_signs_are_no_formulas(stored, tmp_path):
    pytest.importorskip("matplotlib")
    report = movement_report(*stored, groups=["$x_$ a", "from $5^ to $9"] * 17 + ["b"])
    report.to_html(tmp_path / "movement.html")
    assert "$x_$ a" in (tmp_path / "movement.html").read_text(encoding="utf-8")


def test_groups_need_no_estimators_that_were_fitted_on_names(iris):
    X, y = iris
    frame = pd.DataFrame(X).assign(species=y)
    report = movement_report(
        PCA(2).fit(X[:100]), PCA(2).fit(X), frame, groups="species"
    )
    assert len(report.rows) == 3
