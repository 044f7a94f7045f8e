"""CONTRIBUTING.md names only targets of make and rooms that exist."""

import re

from paths import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_every_target_of_make_exists() -> None:
    named = set(re.findall(r"`make (\w[\w-]*)", CONTRIBUTING))
    assert {"run", "test", "lint", "docs"} <= named
    assert named <= set(re.findall(r"^(\w[\w-]*):", MAKEFILE, re.MULTILINE))


def test_it_says_how_to_add_each_kind_of_thing() -> None:
    sections = set(re.findall(r"^## Add an? (\w+)", CONTRIBUTING, re.MULTILINE))
    assert {"route", "event", "error", "dialect", "launcher", "setting"} <= sections


def test_it_is_one_page() -> None:
    assert len(CONTRIBUTING.splitlines()) <= 120
