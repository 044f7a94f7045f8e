"""The stand-in's classes of text: their representations are IPython's."""

import pytest
from worker_driver import DrivenWorker
from worker_modules import WITHOUT_IPYTHON
from worker_modules import represented as bundle

PLAIN = "text/plain"


@pytest.mark.parametrize(
    ("made", "mime", "value"),
    [
        ("HTML('<b>')", "text/html", "<b>"),
        ("Markdown('# a')", "text/markdown", "# a"),
        ("Latex('$x$')", "text/latex", "$x$"),
        ("Math('x^2')", "text/latex", "$\\displaystyle x^2$"),
        ("SVG('<?xml version=\"1.0\"?><svg/>')", "image/svg+xml", "<svg/>"),
        ("SVG(data=b'<svg/>')", "image/svg+xml", "<svg/>"),
        ("JSON({'a': [1]})", "application/json", {"a": [1]}),
        ("JSON([1])", "application/json", [1]),
        ("GeoJSON({'type': 'Point'})", "application/geo+json", {"type": "Point"}),
        ("Javascript('x()')", "application/javascript", "x()"),
        ("Pretty('as it is')", PLAIN, "as it is"),
        ("Code('a < b')", "text/html", "<pre>a &lt; b</pre>"),
        ("Code('a < b')", PLAIN, "a < b"),
    ],
)
def test_each_class_has_its_representation(worker: DrivenWorker, made: str, mime: str, value: object) -> None:
    data, _ = bundle(worker, made)
    assert data[mime] == value
    assert PLAIN in data


def test_metadata_comes_along(worker: DrivenWorker) -> None:
    assert bundle(worker, "HTML('x', metadata={'isolated': True})")[1] == {"text/html": {"isolated": True}}
    assert bundle(worker, "JSON({}, expanded=True)")[1] == {"application/json": {"expanded": True, "root": "root"}}


def test_a_file_is_read(worker: DrivenWorker) -> None:
    (worker.cwd / "page.html").write_text("<p>ä</p>")
    for made in ("HTML('page.html')", "HTML(filename='page.html')", "HTML(__import__('pathlib').Path('page.html'))"):
        assert bundle(worker, made)[0]["text/html"] == "<p>ä</p>"


def test_what_is_no_text_is_refused(worker: DrivenWorker) -> None:
    error = worker.run(WITHOUT_IPYTHON + "from IPython.display import HTML\nHTML(5)").error
    assert error is not None
    assert error["name"] == "TypeError"


def test_scripts_are_loaded_before_the_javascript(worker: DrivenWorker) -> None:
    text = bundle(worker, "Javascript('x()', lib='u\"v', css=['c'])")[0]["application/javascript"]
    assert text.index('"u\\"v"') < text.index("x()")
    assert '"c"' in text


def test_a_bar_of_progress_moves(worker: DrivenWorker) -> None:
    data, _ = bundle(worker, "ProgressBar(4)")
    assert data["text/html"] == "<progress style='width:60ex' max='4' value='0'></progress>"
    assert data[PLAIN] == f"[{' ' * 60}] 0/4"
