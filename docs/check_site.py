"""The built pages in a browser: each loads, and what it links to is there.

``make site`` runs this on what ``make docs`` has built.
"""

import functools
import re
import shutil
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
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


@pytest.fixture(scope="module")
def site():
    """Address of a server of the pages."""
    handler = functools.partial(Quiet, directory=SITE)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


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
    page.wait_for_load_state("networkidle")
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


def found_on_pages(page, site, width, script):
    """Run a script on all pages in a window of a width; return what it found on each.

    The script is a function that returns a list, which is empty if all is well.
    """
    page.set_viewport_size({"width": width, "height": 900})
    found = {}
    for address in built_pages():
        page.goto(urljoin(site, address), wait_until="load")
        if here := page.evaluate(script):
            found[address] = here
    return found


def test_code_fits_beside_the_sidebars(site, page):
    script = """() => [...document.querySelectorAll(".bd-article pre")]
        .filter(one => one.scrollWidth > one.clientWidth)
        .map(one => one.textContent.slice(0, 80))"""
    assert not found_on_pages(page, site, WIDTHS["desktop"], script)


def test_no_page_and_no_table_scrolls_sideways_on_a_telephone(site, page):
    script = """() => [document.documentElement,
            ...document.querySelectorAll(".bd-article table")]
        .filter(one => one.scrollWidth > one.clientWidth
            && !one.querySelector(":is(td, th):is([colspan], [rowspan])")
            // What an object of an example shows, which may scroll within itself.
            && !one.closest(".output_html"))
        .map(one => one.textContent.trim().slice(0, 80))"""
    assert not found_on_pages(page, site, WIDTHS["telephone"], script)


def test_names_in_the_sidebars_break_between_words_alone(site, page):
    # A part of a name is in two lines if it has two rectangles. Parts begin with a
    # capital or after "_".
    script = """() => [...document.querySelectorAll(
            ":is(.bd-sidebar-primary, .bd-sidebar-secondary) a")]
        .filter(link => {
            const walker = document.createTreeWalker(link, NodeFilter.SHOW_TEXT)
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
    assert not found_on_pages(page, site, WIDTHS["desktop"], script)


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
    plain, ours, umap = (float(re.search(r"by ([\d.]+) %", one)[1]) for one in said)
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
