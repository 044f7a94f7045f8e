"""The stand-in for IPython, and IPython itself where it is installed."""

import pytest
from worker_driver import DrivenWorker
from worker_modules import PUBLISHED, WITHOUT_IPYTHON, shown

PLAIN = "text/plain"


@pytest.fixture
def screen(worker: DrivenWorker) -> DrivenWorker:
    """Return ``worker``, which keeps what is published, without any IPython that its Python has."""
    worker.printed(WITHOUT_IPYTHON)
    return worker


def test_it_is_there_only_when_it_is_imported(screen: DrivenWorker) -> None:
    assert screen.printed("import sys; print('IPython' in sys.modules)") == "False\n"
    code = (
        "from IPython.display import display, HTML, Image, Markdown, JSON, SVG, Code, Latex, Math, Javascript\n"
        "from IPython.display import Pretty, IFrame, Audio, Video, clear_output, update_display, DisplayHandle\n"
        "from IPython.core.display import display as other, HTML as Other\nfrom IPython import get_ipython\n"
        "import IPython, IPython.display, IPython.core.getipython\n"
        "print(display is other, HTML is Other, get_ipython is IPython.get_ipython, IPython.display.HTML is HTML)\n"
        "print(HTML.__module__, Audio.__module__, IPython.version_info >= (8,), 'IPython' in sys.modules)"
    )
    assert screen.printed(code) == "True True True True\nIPython.core.display IPython.lib.display True True\n"


def test_parts_that_it_has_not_cannot_be_imported(screen: DrivenWorker) -> None:
    for code in (
        "import IPython.core.magic",
        "from IPython.terminal import embed",
        "from IPython import start_ipython",
    ):
        error = screen.run(code).error
        assert error is not None
        assert error["name"] in ("ModuleNotFoundError", "ImportError")


def test_a_module_of_the_users_own_wins(screen: DrivenWorker) -> None:
    (screen.cwd / "IPython.py").write_text("mine = 1")
    assert screen.printed("import IPython; print(IPython.mine)") == "1\n"


def test_its_display_is_the_builtin_one(screen: DrivenWorker) -> None:
    code = "from IPython.display import *\ndisplay(HTML('<b>'))\ndisplay_html('<i>', raw=True)\ndisplay_pretty(5)"
    assert [data for _, data, _, _, _ in shown(screen, code)] == [
        {"text/html": "<b>", PLAIN: "<IPython.core.display.HTML object>"},
        {"text/html": "<i>"},
        {PLAIN: "5"},
    ]


def test_objects_can_be_pickled(screen: DrivenWorker) -> None:
    code = "import pickle\nfrom IPython.display import HTML\nprint(pickle.loads(pickle.dumps(HTML('x'))).data)"
    assert screen.printed(code) == "x\n"


@pytest.mark.xdist_group("libraries")
def test_ipython_itself_shows_things_here(library_worker: DrivenWorker) -> None:
    pytest.importorskip("IPython")
    library_worker.run(PUBLISHED)
    code = (
        "import IPython\nfrom IPython.core.interactiveshell import InteractiveShell\n"
        "import IPython.display as d\n"
        "d.display(d.HTML('<b>'), display_id='d'); d.update_display(d.HTML('<i>'), display_id='d')\n"
        "d.clear_output(); display(d.HTML('<u>'))\n"
        "IPython.display.display_latex('$x$', raw=True)\n"
        "assert IPython.__file__ and not InteractiveShell.initialized()"
    )
    found = [
        (kind, data.get("text/html") or data.get("text/latex")) for kind, data, _, _, _ in shown(library_worker, code)
    ]
    assert found == [("display", "<b>"), ("update", "<i>"), ("clear", None), ("display", "<u>"), ("display", "$x$")]
