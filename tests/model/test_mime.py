"""The type of a file is that of its name, on any machine."""

import mimetypes

import pytest

from interpreterd.model.mime import UNKNOWN, mime_type


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("data/x.csv", "text/csv"),
        ("plot.PNG", "image/png"),
        ("a.json", "application/json"),
        ("a.html", "text/html"),
        ("a.svg", "image/svg+xml"),
        ("a.js", "text/javascript"),
        ("a.md", "text/markdown"),
        ("a.parquet", "application/vnd.apache.parquet"),
        ("a.ipynb", "application/x-ipynb+json"),
        ("a.tar.gz", "application/gzip"),
        ("a.csv.bz2", "application/x-bzip2"),
        ("a", UNKNOWN),
        ("a.pkl", UNKNOWN),
        ("dir.csv/file", UNKNOWN),
        ("data:text/html,x", UNKNOWN),
        ("caf\udce9.txt", "text/plain"),
    ],
)
def test_the_type_of_a_name(path: str, kind: str) -> None:
    assert mime_type(path) == kind


def test_the_machine_does_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mimetypes.init()
    monkeypatch.setitem(mimetypes.types_map, ".csv", "application/evil")
    assert mime_type("a.csv") == "text/csv"
