"""The published versions of the pages, among which readers can choose.

``python docs/versions.py https://site`` prints the list. Publish it as
``versions.json`` above the folders of the versions, which are named "dev" and by the
minor versions.
"""

import argparse
import json
import re
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"

# Pages of earlier versions were not published.
FIRST = (0, 2)

# Pages that are not of a release are of this version.
DEVELOPMENT = "dev"


def folder_of(version):
    """Return the folder of a version: one for each minor version, and one for others.

    >>> folder_of("0.2.1"), folder_of("0.3.0.dev0")
    ('0.2', 'dev')
    """
    found = re.fullmatch(r"(\d+\.\d+)\.\d+", version)
    return found[1] if found else DEVELOPMENT


def published(changelog):
    """Return the minor versions in a changelog that have pages, newest first.

    >>> published("## [0.3.1] - 2027-02-01\\n## [0.1.0] - 2026-11-23")
    ['0.3']
    """
    found = re.findall(r"^## \[(\d+)\.(\d+)\.\d+\] - ", changelog, re.MULTILINE)
    minor = {(int(major), int(minor)) for major, minor in found}
    return [
        ".".join(map(str, one)) for one in sorted(minor, reverse=True) if one >= FIRST
    ]


def switcher_entries(site_url, changelog):
    """Return what pydata-sphinx-theme shows as versions: the newest release first."""
    releases = published(changelog)
    return [
        {
            "name": f"{version} (stable)" if version in releases[:1] else version,
            "version": version,
            "url": f"{site_url.rstrip('/')}/{version}/",
            "preferred": version in releases[:1],
        }
        for version in [*releases, DEVELOPMENT]
    ]


def theme_options(site_url, version):
    """Return the theme's options for pages of a version that a site publishes."""
    return {
        "switcher": {
            "json_url": f"{site_url.rstrip('/')}/versions.json",
            "version_match": folder_of(version),
        },
        "navbar_start": ["navbar-logo", "version-switcher"],
        "show_version_warning_banner": True,
        # The list may be published after the pages.
        "check_switcher": False,
    }


def main():
    """Print the list of versions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site_url", help="where the folders of the versions lie")
    entries = switcher_entries(parser.parse_args().site_url, CHANGELOG.read_text())
    print(json.dumps(entries, indent=2))


if __name__ == "__main__":
    main()
