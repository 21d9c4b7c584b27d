"""The pages know the published versions."""

import doctest

from tests.page_modules import page_module

versions = page_module("versions")
SITE = "https://site.example/pages"

CHANGELOG = """
## [Unreleased]

## [0.10.0] - 2027-05-01

## [0.2.1] - 2027-01-02

## [0.2.0] - 2026-11-29

## [0.1.0] - 2026-11-23
"""


def test_examples_of_the_module():
    assert doctest.testmod(versions) == (0, 2)


def test_each_minor_version_is_listed_once_and_the_newest_is_preferred():
    entries = versions.switcher_entries(SITE, CHANGELOG)
    assert [each["version"] for each in entries] == ["0.10", "0.2", "dev"]
    assert [each["preferred"] for each in entries] == [True, False, False]
    assert [each["url"] for each in entries] == [
        f"{SITE}/0.10/",
        f"{SITE}/0.2/",
        f"{SITE}/dev/",
    ]


def test_pages_of_a_release_find_their_entry():
    entries = versions.switcher_entries(SITE + "/", CHANGELOG)
    for release, expected in {"0.2.1": "0.2", "0.11.0.dev0": "dev"}.items():
        switcher = versions.theme_options(SITE + "/", release)["switcher"]
        assert switcher["version_match"] == expected
        assert expected in {each["version"] for each in entries}
        assert switcher["json_url"] == f"{SITE}/versions.json"


def test_the_changelog_has_versions_with_pages():
    assert versions.published(versions.CHANGELOG.read_text())
