"""Sphinx builds the pages from here: ``make docs``."""

import os
import sys
import warnings
from pathlib import Path

from stable_embedding import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import versions  # noqa: E402  a module beside this file

project = "stable_embedding"
author = "The stable_embedding developers"
copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    # Formulas are drawn without a foreign server, so that pages can be read offline.
    "sphinx-mathjax-offline",
    # Modules beside this file.
    "narrow_tables",
    "parameter_groups",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery"]
nitpicky = True
# What scikit-learn's inherited docstrings refer to, within its own pages.
nitpick_ignore_regex = [("std:(ref|term)", ".*")]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # docstrings have types, in words
autosummary_generate = True
# Each link is looked for on the site, and then in the copy beside this file, so that
# pages can be built without a network.
_SITES = {
    "python": "https://docs.python.org/3/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "sklearn": "https://scikit-learn.org/stable/",
}
intersphinx_mapping = {
    name: (url, (None, str(HERE / "inventories" / f"{name}.inv")))
    for name, url in _SITES.items()
}
intersphinx_timeout = 5

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("stable_embedding",),
    "reference_url": {"stable_embedding": None},
    "remove_config_comments": True,
    "show_memory": False,
    "thumbnail_size": (800, 560),  # pages of the guide show them too
    "write_computation_times": False,
    "abort_on_example_error": True,
    # What calls that draw return is not shown, but for pages to look around in.
    "ignore_repr_types": r"matplotlib|'list'|\.(?!Interactive)\w+Display'",
}
warnings.filterwarnings("error", module="stable_embedding")

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "stable_embedding"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["stable_embedding.css"]
html_js_files = ["names.js"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}  # light or dark, as the reader's screen
html_theme_options = {
    "logo": {
        "text": html_title,
        "image_light": html_favicon,
        "image_dark": html_favicon,
    },
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
# Where the pages of all versions are published, if these are to be published.
site_url = os.environ.get("SITE_URL")
if site_url:
    html_theme_options |= versions.theme_options(site_url, release)
# The landing page has cards in place of a list of pages, the demonstration has maps.
html_sidebars = {"index": [], "demonstration": []}


def write_demonstration(app):
    """Train the maps of the demonstration, unless they are newer than their script."""
    import demonstration

    path = HERE / "_static" / "demonstration_data.js"
    script = Path(demonstration.__file__)
    if not path.exists() or path.stat().st_mtime < script.stat().st_mtime:
        demonstration.write(path)


def setup(app):
    """Connect what is done before pages are read."""
    app.connect("builder-inited", write_demonstration)
