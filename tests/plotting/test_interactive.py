import re
import shutil
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array, dok_array, dok_matrix
from sklearn.decomposition import PCA

from stable_embedding import StableAutoencoder
from stable_embedding.plotting import InteractiveDisplay, interactive_page

pytest.importorskip("bokeh")

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def months():
    """Return two months of customers, of whom some come and some go."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        rng.normal(size=(30, 3)),
        index=[f"customer {i}" for i in range(30)],
        columns=["a", "b", "c"],
    ).assign(plan=np.arange(30) % 3, note=[f"<b>{i}</b>" for i in range(30)])
    new = frame[10:].assign(plan=5)
    return {"May": frame[:20], "June": new.sample(frac=1, random_state=0)}


@pytest.fixture
def model(months):
    return PCA(2).fit(months["May"][["a", "b", "c"]])


def test_months_are_joined_by_the_index(model, months):
    display = InteractiveDisplay.from_estimator(model, months, "plan")
    page = display._checked()
    old, new = months["May"].index, months["June"].index
    assert page.ids == [*old, *new[~new.isin(old)]]
    for month, frame in months.items():
        codes = dict(zip(frame.index, model.transform(frame[["a", "b", "c"]])))
        for one, point in zip(page.ids, page.months[month]):
            expected = codes.get(one, [np.nan, np.nan])
            np.testing.assert_allclose(point, expected, rtol=1e-6)  # of float32


def test_what_is_shown_is_of_the_last_month(model, months):
    display = InteractiveDisplay.from_estimator(
        model, months, "plan", hover=["plan", "note"]
    )
    assert list(display.hover) == ["plan", "note"]
    shown = zip(display._checked().ids, display.y, display.hover["note"])
    for name, plan, note in shown:
        i = int(name.split()[1])
        assert plan == (i % 3 if i < 10 else 5)
        assert note == f"<b>{i}</b>"


def test_each_month_may_have_an_estimator(model, months):
    other = PCA(2).fit(months["June"][["a", "b", "c"]])
    display = InteractiveDisplay.from_estimator({"May": model, "June": other}, months)
    june = other.transform(months["June"][["a", "b", "c"]])
    np.testing.assert_array_equal(display.embedding["June"], june)
    with pytest.raises(ValueError, match=r"months \['May'\], but X has"):
        InteractiveDisplay.from_estimator({"May": model}, months)


def test_months_say_who_their_samples_are(model, months):
    months["June"] = months["June"].reset_index(drop=True)
    with pytest.raises(ValueError, match=r"X\['June'\] has no ids.* pass codes and id"):
        InteractiveDisplay.from_estimator(model, months)
    with pytest.raises(TypeError, match="y is of type list"):
        InteractiveDisplay.from_estimator(model, months, [1])


def test_months_of_codes_are_joined_by_their_ids(rng):
    codes = rng.normal(size=(2, 3, 2))
    display = InteractiveDisplay(
        dict(zip(["May", "June"], codes)), ids={"May": [1, 2, 3], "June": [3, 4, 1]}
    )
    page = display._checked()
    assert page.ids == [1, 2, 3, 4]
    np.testing.assert_allclose(page.months["June"][[2, 3, 0]], codes[1], rtol=1e-6)
    assert np.isnan(page.months["June"][1]).all()


def test_months_without_a_sample_in_common_are_said_to_be_so(rng):
    codes = rng.normal(size=(3, 2))
    months = dict.fromkeys(["May", "June", "July"], codes)
    ids = {"May": [1, 2, 3], "June": [3, 4, 5], "July": ["3", "4", "5"]}
    display = InteractiveDisplay(months, ids=ids)
    with pytest.warns(UserWarning, match="'June' and 'July' .* instance 3 and '3',"):
        page = display.to_html()
    assert "July" in page


def test_one_embedding_has_the_ids_of_its_index(rng):
    names = ["x", "y", "z"]
    codes = pd.DataFrame(rng.normal(size=(3, 2)), index=names)
    assert InteractiveDisplay(codes)._checked().ids == names
    assert InteractiveDisplay(codes, ids=[7, 8, 9])._checked().ids == [7, 8, 9]
    assert InteractiveDisplay(codes.to_numpy())._checked().ids == [0, 1, 2]
    # Nothing is joined, so an id may repeat.
    codes.index = ["x", "x", "y"]
    assert InteractiveDisplay(codes)._checked().ids == ["x", "x", "y"]


def test_samples_may_have_ids_that_repeat_or_have_levels(model, months):
    frame = months["May"][["a", "b", "c"]]
    for index in (
        pd.MultiIndex.from_product([["a"], range(len(frame))]),
        pd.Index(["same"] * len(frame)),
    ):
        display = InteractiveDisplay.from_estimator(model, frame.set_index(index))
        assert display._checked().ids == index.tolist()
        assert display.to_html()
        of_month = InteractiveDisplay.from_estimator(
            model, {"May": frame.set_index(index)}
        )
        page = of_month._checked()
        assert page.ids == index.tolist()
        np.testing.assert_array_equal(page.months["May"], display._checked().months[""])
    pairs = pd.MultiIndex.from_product([["a"], range(len(frame))])
    again = InteractiveDisplay.from_estimator(model, {"May": frame.set_index(pairs)})
    assert again._checked().ids == pairs.tolist()
    assert "a, 3" in again.to_html()


def test_ids_and_positions_are_never_mixed(rng):
    codes = rng.normal(size=(2, 3, 2))
    months = {"May": codes[0], "June": codes[1]}
    page = InteractiveDisplay(months)._checked()
    assert page.ids == [0, 1, 2]
    np.testing.assert_allclose(page.months["June"], codes[1], rtol=1e-6)  # of float32
    with pytest.raises(ValueError, match=r"embedding\['June'\] has no ids"):
        InteractiveDisplay(months, ids={"May": [2, 1, 0]})._checked()
    with pytest.raises(ValueError, match="'May': 3, 'June': 2} samples and no ids"):
        InteractiveDisplay({**months, "June": codes[1, :2]})._checked()
    with pytest.raises(ValueError, match="ids has the month 'July'"):
        InteractiveDisplay(months, ids={"July": [1, 2, 3]})._checked()
    with pytest.raises(TypeError, match=r"ids is of type list; .* must be a dict"):
        InteractiveDisplay(months, ids=[1, 2, 3])._checked()


@pytest.mark.parametrize("large", [2**31, 2**53 + 1, -(2**31) - 1, 10**30])
def test_large_ids_are_never_rounded(rng, large):
    codes = rng.normal(size=(2, 2))
    html = InteractiveDisplay(codes, ids=[large, 3]).to_html()
    assert f'"{large}"' in html
    columns = {"account": [2**53 + 1, 3]}
    assert f'"{2**53 + 1}"' in InteractiveDisplay(codes, hover=columns).to_html()


def test_a_column_named_id_does_not_replace_the_ids(rng):
    display = InteractiveDisplay(
        rng.normal(size=(2, 2)), ids=["real", "x"], hover={"id": ["column", "y"]}
    )
    html = display.to_html()
    # Ids are looked up by the tooltip, and by the buttons.
    assert html.count('"real"') == 2
    assert html.count('"column"') >= 1


def test_the_title_is_escaped_once(rng):
    html = InteractiveDisplay(rng.normal(size=(2, 2))).to_html(title="A & <b>")
    assert "<title>A &amp; &lt;b&gt;</title>" in html
    assert "<h1>A &amp; &lt;b&gt;</h1>" in html
    assert "&amp;amp;" not in html


def test_deviations_are_those_of_the_runs(iris):
    model = StableAutoencoder(n_init=2, max_iter=1).fit(iris[0])
    display = InteractiveDisplay.from_estimator(model, iris[0], return_std=True)
    np.testing.assert_array_equal(
        display.std, model.transform(iris[0], return_std=True)[1]
    )
    frame = pd.DataFrame(iris[0], index=[f"i{i}" for i in range(150)])
    of_months = InteractiveDisplay.from_estimator(
        model, {"May": frame}, return_std=True
    )
    np.testing.assert_array_equal(of_months.std, display.std)


@pytest.mark.parametrize("kind", [dok_array, dok_matrix])
def test_a_dict_of_keys_is_no_dict_of_months(kind, rng):
    X = csr_array(rng.poisson(0.5, size=(30, 4)).astype(float))
    model, ids = PCA(2).fit(X), list("ab") * 15
    expected = InteractiveDisplay.from_estimator(model, X)._checked().months[""]
    for given, key in ((kind(X), ""), ({"May": kind(X)}, "May")):
        page = InteractiveDisplay.from_estimator(model, given)._checked()
        np.testing.assert_array_equal(page.months[key], expected)
    codes = kind(X[:, :2])
    for given, key in ((codes, ""), ({"May": codes}, "May")):
        of_key = ids if not key else {key: ids}
        page = InteractiveDisplay(given, ids=of_key)._checked()
        np.testing.assert_array_equal(page.months[key], X[:, :2].toarray())
        assert page.ids == ids


def test_ten_columns_are_shown_by_default(rng):
    frame = pl.DataFrame(rng.normal(size=(9, 12)))
    model = PCA(2).fit(frame)
    display = InteractiveDisplay.from_estimator(model, frame)
    assert list(display.hover) == frame.columns[:10]
    with pytest.raises(TypeError, match="hover='a' is a text"):
        InteractiveDisplay.from_estimator(model, frame, hover="a")
    with pytest.raises(ValueError, match="hover='z' is not a column of X"):
        InteractiveDisplay.from_estimator(model, frame, hover=["z"])
    with pytest.raises(
        ValueError, match="hover has names of columns, but X is of type"
    ):
        InteractiveDisplay.from_estimator(model, frame.to_numpy(), hover=["z"])


def test_what_does_not_fit_is_refused(rng):
    codes = rng.normal(size=(5, 2))
    with pytest.raises(ValueError, match=r"hover\['a'\] has 4 values"):
        InteractiveDisplay(codes, hover={"a": range(4)}).to_html()
    with pytest.raises(ValueError, match=r"\[4, 5\]"):
        InteractiveDisplay(codes, [1, 2, 3, 4]).to_html()
    with pytest.raises(ValueError, match=r"std has shape \(4,\)"):
        InteractiveDisplay(codes, std=[1, 2, 3, 4]).to_html()
    with pytest.raises(ValueError, match=r"shape \(5, 3\)"):
        InteractiveDisplay(rng.normal(size=(5, 3))).to_html()
    with pytest.raises(ValueError, match="has no month"):
        InteractiveDisplay({}).to_html()


@pytest.mark.parametrize("name", ["y", "std", "ids", "hover['a']"])
@pytest.mark.parametrize("n_months", [0, 1])
def test_values_with_ids_in_another_order_are_refused(name, n_months, rng):
    codes = pd.DataFrame(rng.normal(size=(3, 2)), index=["a", "b", "c"])
    values = pd.Series([1, 2, 3], index=["c", "b", "a"])
    given = {"hover": {"a": values}} if name.startswith("hover") else {name: values}
    if n_months:
        codes = {"May": codes}
        given = {"ids": {"May": values}} if name == "ids" else given
    with pytest.raises(ValueError, match="has the id 'c' where embedding") as caught:
        InteractiveDisplay(codes, **given).to_html()
    assert str(caught.value).startswith(name)
    if name.startswith("hover"):
        given = {"hover": pd.DataFrame(given["hover"])}
        with pytest.raises(ValueError, match=r"hover\['a'\] has the id 'c' where"):
            InteractiveDisplay(codes, **given).to_html()


@pytest.mark.parametrize(
    "y",
    [
        1.7e9 + np.linspace(0, 100, 60),
        1e-60 * np.linspace(1, 2, 60),
        np.datetime64("2026-01-01") + np.arange(60).astype("m8[m]"),
    ],
    ids=["large", "small", "dates"],
)
def test_numbers_have_the_colors_of_their_own_scale(y, rng):
    page = InteractiveDisplay(rng.normal(size=(60, 2)), y)._checked()
    color = interactive_page._data(page)["color"]
    assert len(np.unique(color)) == 60
    outside = (color < page.colors.low) | (color > page.colors.high)
    assert outside.sum() < 3


@pytest.mark.parametrize(
    "y",
    [
        None,
        list("abcde"),
        [1.5, None, 2.5, 3.5, 9.0],
        [None] * 5,
        np.arange("2024-01-01", "2024-01-06", dtype="datetime64[D]"),
    ],
)
def test_a_page_asks_for_nothing_and_escapes(rng, y):
    display = InteractiveDisplay(rng.normal(size=(5, 2)), y, name="<i>y</i>")
    html = display.to_html(title="</script><i>")
    assert "</script><i>" not in html
    assert "&lt;/script&gt;&lt;i&gt;" in html
    assert not re.search(r'<(?:script|img|link)[^>]*(?:src|href)="http', html)
    assert "<iframe srcdoc=" in display._repr_html_()


def test_without_bokeh_a_message_says_what_to_install(rng, monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh.embed", None)
    display = InteractiveDisplay(rng.normal(size=(5, 2)))
    with pytest.raises(ImportError, match=r"stable_embedding\[interactive\]"):
        display.to_html()


# ---------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def shown(browser, tmp_path):
    """Open displays as files; nothing may go wrong, or be asked for."""
    wrong = []
    context = browser.new_context(viewport={"width": 1100, "height": 760})
    page = context.new_page()
    page.on(
        "console",
        lambda said: wrong.append(said.text) if said.type == "error" else None,
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))

    def show(display):
        path = tmp_path / "map.html"
        display.save(path)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_function(
            "globalThis.Bokeh && Bokeh.documents[0]?.is_idle", timeout=120_000
        )
        assert asked == [path.as_uri()]
        return page

    yield show
    assert not wrong
    context.close()


# Where a point of a component is drawn, in pixels of the window.
PLACE = """
([x, y]) => {
    const figure = Bokeh.index.query_one(view => view.model.type == "Figure")
    const box = figure.el.getBoundingClientRect()
    const frame = figure.frame
    return [
        box.left + frame.x_scale.compute(x), box.top + frame.y_scale.compute(y)
    ]
}
"""

SOURCE = """
name => {
    const [source] = [...Bokeh.documents[0]._all_models.values()]
        .filter(one => one.type == "ColumnDataSource" && one.data.alpha)
    return name == "selected" ? source.selected.indices : [...source.data[name]]
}
"""


def select_by(page, *ways):
    """Select what lies within a rectangle of the window."""
    [first, last] = ways
    page.evaluate(
        """() => {
            const [box] = [...Bokeh.documents[0]._all_models.values()]
                .filter(one => one.type == "BoxSelectTool")
            box.active = true
        }"""
    )
    page.mouse.move(*first)
    page.mouse.down()
    page.mouse.move(*last, steps=5)
    page.mouse.up()
    page.wait_for_timeout(300)


@pytest.mark.slow
def test_a_reader_sees_who_a_point_is_and_takes_ids_along(shown):
    codes = {
        "May": np.array([[0.0, 0], [4, 0], [0, 3], [4, 3]]),
        "June": np.array([[1.0, 1], [4, 0], [0, 3], [4, 3]]),
    }
    notes = ["<i>plain</i>", None, "x", "y"]
    names = ['a,"b"', "two", "three", "four"]
    ids = {"May": names, "June": names}
    page = shown(
        InteractiveDisplay(codes, list("abab"), hover={"note": notes}, ids=ids)
    )
    page.mouse.move(*page.evaluate(PLACE, [0, 0]))
    page.get_by_text("<i>plain</i>", exact=True).wait_for()
    page.get_by_text('a,"b"', exact=True).wait_for()
    page.mouse.move(*page.evaluate(PLACE, [4, 0]))
    page.get_by_text("missing", exact=True).wait_for()

    [left, bottom] = page.evaluate(PLACE, [-0.3, -0.3])
    [right, top] = page.evaluate(PLACE, [4.3, 0.3])
    select_by(page, [left, top], [right, bottom])
    assert page.evaluate(SOURCE, "selected") == [0, 1]
    page.get_by_text("2 selected", exact=True).wait_for()
    with page.expect_download() as download:
        page.get_by_text("Download ids").click()
    assert download.value.path().read_text() == 'id\n"a,""b"""\ntwo\n'

    page.evaluate(
        """() => {
            const [slider] = [...Bokeh.documents[0]._all_models.values()]
                .filter(one => one.type == "Slider")
            slider.value = 1
        }"""
    )
    page.get_by_text("June", exact=True).wait_for()
    assert page.evaluate(SOURCE, "x") == [1, 4, 0, 4]
    page.mouse.move(*page.evaluate(PLACE, [1, 1]))
    page.get_by_text("<i>plain</i>", exact=True).wait_for()


@pytest.mark.slow
def test_a_hundred_thousand_points_are_drawn(shown, rng):
    codes = rng.normal(size=(100_000, 2))
    page = shown(InteractiveDisplay(codes, rng.integers(0, 4, 100_000)))
    assert len(page.evaluate(SOURCE, "x")) == 100_000
    first = page.screenshot()
    page.mouse.move(*page.evaluate(PLACE, [0, 0]))
    page.get_by_text("id:").first.wait_for()
    assert page.screenshot() != first


def test_an_order_of_categories_holds_for_several_months_too(model, months):
    kind = pd.CategoricalDtype(["low", "medium", "high"], ordered=True)
    for frame in months.values():
        levels = np.resize(["high", "low", "medium"], len(frame))
        frame["plan"] = pd.Series(levels, frame.index, dtype=kind)
    display = InteractiveDisplay.from_estimator(model, months, "plan")
    groups = [group.label for group in display._checked().colors.groups]
    assert groups == ["low", "medium", "high"]


def test_names_that_are_written_alike_are_refused(rng):
    codes = rng.normal(size=(3, 2))
    with pytest.raises(ValueError, match="embedding has the names .*written alike"):
        InteractiveDisplay({1: codes, "1": codes}).to_html()
    with pytest.raises(ValueError, match="hover has the names .*written alike"):
        InteractiveDisplay(codes, hover={1: range(3), "1": range(3)}).to_html()
    with pytest.raises(TypeError, match="hover is of type list"):
        InteractiveDisplay(codes, hover=["a"]).to_html()


@pytest.mark.parametrize("n_months", [1, 2])
def test_labels_need_no_estimator_that_was_fitted_on_names(iris, n_months):
    X, y = iris
    model = PCA(2).fit(X)
    frame = pd.DataFrame(X, index=[f"i{i}" for i in range(len(X))]).assign(species=y)
    months = dict.fromkeys(["May", "June"][:n_months], frame)
    display = InteractiveDisplay.from_estimator(model, months, "species")
    for codes in display.embedding.values():
        np.testing.assert_allclose(codes, model.transform(X))
