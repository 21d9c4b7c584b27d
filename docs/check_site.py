"""The built pages in a browser: each loads, and what it links to is there.

``make site`` runs this on what ``make docs`` has built.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin

import pytest

sync_api = pytest.importorskip("playwright.sync_api")

SITE = Path(__file__).parent / "_build" / "html"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.skipif(not SITE.exists(), reason="make docs builds the pages"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]

WIDTHS = {"desktop": 1280, "telephone": 400}


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that does not log."""

    def log_message(self, *args):
        """Say nothing."""


@contextmanager
def served(folder):
    """Serve a folder, whose address is yielded."""
    handler = functools.partial(Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def site():
    """Address of a server of the pages."""
    with served(SITE) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium."""
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A page that collects what goes wrong in it."""
    page = browser.new_page()
    page.wrong = []
    page.on(
        "console",
        lambda said: page.wrong.append(said.text) if said.type == "error" else None,
    )
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("requestfailed", lambda request: page.wrong.append(request.url))
    yield page
    page.close()


def visit(page, address):
    """Load a page; return the links on it and the names of its places."""
    response = page.goto(address, wait_until="load")
    assert response.ok, address
    # Images that are loaded when they are scrolled to would not be there yet.
    missing = page.eval_on_selector_all(
        "img",
        """images => Promise.all(images.map(image => {
            image.loading = "eager";
            return image.decode().then(() => null, () => image.src);
        }))""",
    )
    assert not any(missing), (address, missing)
    links = page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)")
    places = page.eval_on_selector_all("[id]", "all => all.map(one => one.id)")
    assert not page.wrong, (address, page.wrong)
    return links, set(places)


def test_each_page_loads_and_its_links_lead_somewhere(site, page):
    to_visit, places, links = [urljoin(site, "index.html")], {}, set()
    while to_visit:
        address = to_visit.pop()
        if address in places:
            continue
        found, places[address] = visit(page, address)
        for link in found:
            if not link.startswith(site):
                continue
            target, _ = urldefrag(link)
            links.add(link)
            if target.endswith(".html"):
                to_visit.append(target)
            else:
                assert page.request.head(target).ok, (address, target)
    built = {path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html")}
    unreached = built - {address.removeprefix(site) for address in places}
    assert {path for path in unreached if not path.startswith("_static")} <= {
        "search.html",
        "genindex.html",
    }
    for link in links:
        target, place = urldefrag(link)
        if place and target in places:
            assert place in places[target], link


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize(
    "address",
    [
        "index.html",
        "recipe.html",
        "auto_examples/plot_1_quick_start.html",
        "generated/stable_embedding.StableAutoencoder.html",
        "api.html",
        "measured.html",
        "demonstration.html",
    ],
)
def test_nothing_is_cut_off_at_the_edge_of_the_window(site, page, address, width):
    page.set_viewport_size({"width": width, "height": 900})
    visit(page, urljoin(site, address))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = page.eval_on_selector_all(
        ".bd-article :is(h1, h2, h3, p, dt, dd, li, img)",
        """(all, width) => all.filter(one => {
            if (one.closest("table, .math, .sphx-glr-thumbnails")) return false;
            const {right, width: own} = one.getBoundingClientRect();
            return own > 0 && right > width;
        }).map(one => one.textContent.slice(0, 50))""",
        width,
    )
    assert not beyond


def built_pages():
    """Addresses of all pages, within the site."""
    pages = (path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
    return sorted(one for one in pages if not one.startswith(("_static", "search")))


class Rule(NamedTuple):
    """What must hold on every page.

    Attributes
    ----------
    name : str
        What the rule says.

    window : str
        One of `WINDOWS`, in which it holds.

    script : str
        A function in JavaScript that returns a list of what breaks the rule.
    """

    name: str
    window: str
    script: str


CUT_CODE = """() => [...document.querySelectorAll(".bd-article pre")]
    .filter(one => one.scrollWidth > one.clientWidth)
    .map(one => one.textContent.slice(0, 80))"""

# What an object of an example shows may scroll within itself.
SCROLLING = """() => [document.documentElement,
        ...document.querySelectorAll(".bd-article table")]
    .filter(one => one.scrollWidth > one.clientWidth
        && !one.querySelector(":is(td, th):is([colspan], [rowspan])")
        && !one.closest(".output_html"))
    .map(one => one.textContent.trim().slice(0, 80))"""

# Text whose contrast with what is behind it is below the 4.5 of WCAG, or 3 if it is
# large, and thin text. Colors are drawn and read back, whatever they are written as.
FAINT = """() => {
    const options = {willReadFrequently: true}
    const context = new OffscreenCanvas(1, 1).getContext("2d", options)
    const known = {}
    const channels = color => known[color] ??= (
        context.clearRect(0, 0, 1, 1), context.fillStyle = color,
        context.fillRect(0, 0, 1, 1), [...context.getImageData(0, 0, 1, 1).data])
    const over = (color, below) => below.map(
        (value, i) => value + (color[i] - value) * color[3] / 255)
    const behind = one => one ? over(
        channels(getComputedStyle(one).backgroundColor), behind(one.parentElement)
    ) : [255, 255, 255]
    const luminance = color => {
        const [red, green, blue] = color.map(value => value / 255 <= 0.04045
            ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const found = []
    while (walker.nextNode()) {
        const one = walker.currentNode.parentElement
        const text = walker.currentNode.data.trim()
        const options = {visibilityProperty: true, opacityProperty: true}
        if (!text || !one.checkVisibility(options)
            || one.closest("script, style, noscript, select, mjx-container")
            || one.getBoundingClientRect().width < 2) continue
        const style = getComputedStyle(one), back = behind(one)
        const [dark, light] = [back, over(channels(style.color), back)]
            .map(luminance).sort((a, b) => a - b)
        const needed = parseFloat(style.fontSize) >= 24 ? 3 : 4.5
        if ((light + 0.05) / (dark + 0.05) < needed || style.fontWeight < 400)
            found.push(text.slice(0, 60))
    }
    return found
}"""

OBJECTS = """() => [...document.querySelectorAll(".sphx-glr-script-out")]
    .map(one => one.textContent)
    .filter(text => / object at 0x|Text\\(/.test(text))"""

# White above and below is no more than a third of a picture, as are its sides.
PADDED = """async () => {
    const padded = []
    for (const image of document.querySelectorAll(".bd-article figure img")) {
        image.loading = "eager"
        await image.decode()
        const {naturalWidth: width, naturalHeight: height} = image
        const context = new OffscreenCanvas(width, height).getContext("2d")
        context.fillStyle = "white"
        context.fillRect(0, 0, width, height)
        context.drawImage(image, 0, 0)
        const {data} = context.getImageData(0, 0, width, height)
        const inked = []
        for (let y = 0; y < height; y++) {
            const row = data.subarray(4 * y * width, 4 * (y + 1) * width)
            if (row.some((value, i) => i % 4 < 3 && value < 250)) inked.push(y)
        }
        if (inked.at(-1) - inked[0] < 2 / 3 * height) padded.push(image.src)
    }
    return padded
}"""

CUT_TABLES = """() => [...document.querySelectorAll(".bd-article table")]
    .filter(one => one.scrollWidth > one.clientWidth && !one.closest(".output_html")
        && one.rows[0].cells.length <= 10)
    .map(one => one.textContent.trim().slice(0, 80))"""

COVERED_BUTTONS = """() => {
    const title = document.querySelector(".navbar-brand .logo__title")
    const right = title.getBoundingClientRect().right
    return [...document.querySelectorAll(".bd-header button")]
        .map(one => one.getBoundingClientRect())
        .filter(one => one.width && one.left > 200 && one.left < right + 8)
        .map(one => one.left)
}"""

# Parts of names that stand in two lines, which have two rectangles then. Parts begin
# with a capital or after "_".
BROKEN = """() => [...document.querySelectorAll("%s")]
    .filter(place => {
        const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT)
        while (walker.nextNode()) {
            const text = walker.currentNode
            for (const part of text.data.matchAll(/[A-Z]?[a-z0-9]+|[A-Z]+/g)) {
                const range = document.createRange()
                range.setStart(text, part.index)
                range.setEnd(text, part.index + part[0].length)
                const lines = [...range.getClientRects()].map(one => one.top)
                if (new Set(lines).size > 1) return true
            }
        }
        return false
    }).map(one => one.textContent.trim())"""

RULES = (
    Rule("code fits beside the sidebars", "desktop", CUT_CODE),
    Rule("tables of up to ten columns fit", "desktop", CUT_TABLES),
    Rule("no example shows the name of an object", "desktop", OBJECTS),
    Rule("pictures fill their frame", "desktop", PADDED),
    Rule("text stands out from what is behind it", "desktop", FAINT),
    Rule("text stands out from what is behind it", "dark desktop", FAINT),
    Rule(
        "names in sidebars break between words alone",
        "desktop",
        BROKEN % ":is(.bd-sidebar-primary, .bd-sidebar-secondary) a",
    ),
    Rule(
        "names of the reference break between words alone",
        "telephone",
        BROKEN % ".autosummary td:first-child",
    ),
    Rule("no page and no table scrolls sideways", "telephone", SCROLLING),
    Rule("the title leaves the buttons beside it free", "telephone", COVERED_BUTTONS),
)

# Width and color scheme.
WINDOWS = {
    "desktop": (WIDTHS["desktop"], "light"),
    "dark desktop": (WIDTHS["desktop"], "dark"),
    "telephone": (WIDTHS["telephone"], "light"),
}


@pytest.fixture(scope="module")
def broken_in(site, browser):
    """From a window to what breaks its rules: addresses by rule, found in one pass."""

    @functools.cache
    def visit_all(window):
        width, scheme = WINDOWS[window]
        size = {"width": width, "height": 900}
        page = browser.new_page(viewport=size, color_scheme=scheme)
        found = defaultdict(dict)
        for address in built_pages():
            page.goto(urljoin(site, address), wait_until="load")
            for rule in RULES:
                if rule.window == window and (here := page.evaluate(rule.script)):
                    found[rule][address] = here
        page.close()
        return found

    return visit_all


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name}, {rule.window}")
def test_every_page_keeps_the_rule(broken_in, rule):
    assert not broken_in(rule.window)[rule]


def test_a_wide_table_becomes_a_list_with_the_names_of_its_columns(site, page):
    page.set_viewport_size({"width": WIDTHS["telephone"], "height": 900})
    visit(page, urljoin(site, "api.html"))
    cell = page.locator("table.becomes-list td[data-label]").first
    assert cell.evaluate("one => getComputedStyle(one).display") == "block"
    label = cell.evaluate("one => getComputedStyle(one, '::before').content")
    assert label.startswith(f'"{cell.get_attribute("data-label")}')


def test_formulas_are_drawn(site, page):
    visit(page, urljoin(site, "recipe.html"))
    page.wait_for_selector("mjx-container")


def canvases(page):
    """What each map of the demonstration shows, as the address of a picture."""
    return page.eval_on_selector_all(
        "#demonstration canvas", "all => all.map(one => one.toDataURL())"
    )


def test_the_demonstration_moves_to_other_trainings(site, page):
    visit(page, urljoin(site, "demonstration.html"))
    page.emulate_media(reduced_motion="reduce")
    page.wait_for_selector("#demonstration[data-shown='0']")
    names = page.locator("#demonstration figcaption strong").all_text_contents()
    assert names == ["Plain autoencoder", "StableAutoencoder", "UMAP"]
    first = canvases(page)
    page.locator("#demonstration-seed").fill("1")
    page.wait_for_selector("#demonstration[data-shown='3']")
    other_seed = canvases(page)
    assert all(one != other for one, other in zip(first, other_seed))
    said = page.locator("#demonstration figcaption span").all_text_contents()
    percents = [re.search(r"by (?:less than )?([\d.]+) %", one) for one in said]
    plain, ours, umap = (float(percent[1]) for percent in percents)
    assert ours < min(plain, umap)
    page.select_option("#demonstration-left-out", index=1)
    page.wait_for_selector("#demonstration[data-shown='4']")
    page.locator("#demonstration-seed").fill("0")
    page.select_option("#demonstration-left-out", index=0)
    page.wait_for_selector("#demonstration[data-shown='0']")
    assert canvases(page) == first


def test_search_finds(site, page):
    page.goto(urljoin(site, "search.html?q=manifold_variance"), wait_until="load")
    page.wait_for_selector("#search-results li a")
    assert not page.wrong


# Builds pages by conf.py, as another version. The gallery is left out: it takes long.
BUILD = """
import sys
import stable_embedding
from sphinx.cmd.build import main
docs, source, out, stable_embedding.__version__ = sys.argv[1:]
sys.exit(main(["-q", "-W", "-c", docs, "-D", "extensions=myst_parser", source, out]))
"""


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Address of a site, and its folders: of the newest release, and of development.

    The release lacks a page that development has.
    """
    docs, folder = Path(__file__).parent, tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source")
    names = ["first_map", "stability"]
    lines = ["# Pages", "", "```{toctree}", *names, "```"]
    (source / "index.md").write_text("\n".join(lines))
    for name in names:
        (source / f"{name}.md").write_text(f"# Page {name}\n")
    with served(folder) as address:
        listing = [sys.executable, docs / "versions.py", address]
        listed = subprocess.run(listing, check=True, capture_output=True).stdout
        (folder / "versions.json").write_bytes(listed)
        release, *_, development = (each["version"] for each in json.loads(listed))
        for name, version in {
            release: f"{release}.0",
            development: "99.0.dev0",
        }.items():
            building = [
                sys.executable,
                "-c",
                BUILD,
                docs,
                source,
                folder / name,
                version,
            ]
            subprocess.run(building, check=True, env=os.environ | {"SITE_URL": address})
        (folder / release / "stability.html").unlink()
        yield address, release, development


def switch_version(page, name):
    """Pick a version."""
    page.locator(".version-switcher__button:visible").click()
    page.locator(f".version-switcher__menu a[data-version='{name}']:visible").click()


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_another_version_opens_at_the_same_page(versions, page, width):
    address, release, development = versions
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{address}{release}/first_map.html", wait_until="networkidle")
    assert not page.locator("#bd-header-version-warning").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    switch_version(page, development)
    page.wait_for_url(f"{address}{development}/first_map.html")
    warning = page.locator("#bd-header-version-warning")
    warning.wait_for()
    assert "development version" in warning.text_content()
    page.wait_for_load_state("networkidle")
    switch_version(page, release)
    page.wait_for_url(f"{address}{release}/first_map.html")


def test_a_page_that_the_other_version_lacks_leads_to_its_first(versions, page):
    address, release, development = versions
    page.goto(f"{address}{development}/stability.html", wait_until="networkidle")
    switch_version(page, release)
    page.wait_for_url(f"{address}{release}/")
    assert page.locator("h1").text_content().startswith("Pages")
