"""README's picture shows the current output of its commands, and is readable on any background."""

import importlib.util
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from documents import clean
from paths import ROOT
from standing import SharedDaemon


def script() -> Any:
    spec = importlib.util.spec_from_file_location("picture", ROOT / "docs/picture.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``, as WCAG 2 defines it."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_picture_shows_what_its_commands_print(standing_daemon: SharedDaemon) -> None:
    clean(standing_daemon.url)
    picture = script()
    lines = picture.record(standing_daemon.url)
    clean(standing_daemon.url)
    assert picture.draw(lines) == picture.FILE.read_text("utf-8"), "python docs/picture.py draws it again"


def test_the_picture_is_legible_on_light_and_on_dark_pages() -> None:
    picture = script()
    text = picture.FILE.read_text("utf-8")
    svg = ElementTree.fromstring(text)
    background = svg[0]
    assert background.tag.endswith("rect")
    assert (background.get("width"), background.get("height")) == (svg.get("width"), svg.get("height"))
    behind = luminance(str(background.get("fill")))
    for colour in set(re.findall(r'fill="(#\w{6})"', text)) - {background.get("fill")}:
        assert (luminance(colour) + 0.05) / (behind + 0.05) >= 4.5, f"{colour} is hard to read: WCAG 2, 1.4.3"


def test_the_readme_begins_with_the_picture() -> None:
    readme = Path(ROOT / "README.md").read_text("utf-8")
    assert "](docs/terminal.svg)" in readme.partition("\n## ")[0]
