"""The page of ``examples/browser`` in a browser. Its origin is not the daemon's."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from attrs import frozen
from browser import Browser, browser
from harness import Gate
from paths import ROOT
from standing import SharedDaemon, shared_daemon

# All tests share one browser, because its start takes a second.
pytestmark = pytest.mark.xdist_group("browser")

FOLDER = ROOT / "examples/browser"
MARKUP = "<img src=x onerror=\"document.title='run'\">"
CONTROL_ENTER = "\ue009\ue007"
TITLE = "Python in a browser"


@frozen
class Page:
    """The page and a person's actions on it."""

    browser: Browser
    origin: str
    daemon: str

    def open(self) -> None:
        """Load the page again and enter the daemon's address."""
        self.browser.visit(self.origin)
        self.browser.write("#daemon", self.daemon)

    def run(self, code: str) -> None:
        """Type code, click Run."""
        self.browser.write("#code", code)
        self.browser.click("#run")

    def wait_for_status(self, text: str) -> None:
        """Wait until the page shows this status of the execution."""
        self.browser.wait(f"document.querySelector('#status').textContent === {text!r}")

    def wait_for(self, selector: str, text: str) -> None:
        """Wait until an element contains a text."""
        self.browser.wait(f"document.querySelector({selector!r}).textContent.includes({text!r})")

    def texts(self) -> tuple[str, str, str]:
        """Return the texts of stdout, stderr and error."""
        return self.browser.text("#stdout"), self.browser.text("#stderr"), self.browser.text("#error")

    def disabled(self) -> tuple[bool, bool]:
        """Return whether the buttons Run and Interrupt are disabled."""
        found = self.browser.script("return ['run', 'interrupt'].map((id) => document.getElementById(id).disabled)")
        return found[0], found[1]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    # The command of examples/README.md, with other ports.
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", FOLDER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            port = re.findall(r"port (\d+)", server.stdout.readline())[0]
            origin = f"http://127.0.0.1:{port}"
            folder = tmp_path_factory.mktemp("page")
            with shared_daemon(folder, "--allow-origin", origin) as daemon, browser() as driven:
                yield Page(driven, origin, daemon.url)
        finally:
            server.terminate()


@pytest.fixture
def page(opened: Page) -> Iterator[Page]:
    """Yield the freshly loaded page. At the end, no shown text may have become an element of it."""
    opened.open()
    yield opened
    assert opened.browser.script("return document.title") == TITLE
    assert opened.browser.script("return document.querySelectorAll('pre *').length") == 0
    assert opened.browser.console() == []


def test_the_stream_arrives_while_the_code_runs(page: Page, gate: Gate) -> None:
    assert page.disabled() == (False, True)
    page.run(f"import sys\nprint('early')\nprint('a warning', file=sys.stderr)\n{gate.wait}\nprint('late')")
    page.wait_for("#stdout", "early\n")
    page.wait_for("#stderr", "a warning\n")
    assert page.texts() == ("early\n", "a warning\n", "")
    assert page.disabled() == (True, False)
    assert page.browser.text("#status") in ("running", "restarted"), "the second after a Python that died"
    gate.open()
    page.wait_for_status("completed")
    assert page.texts() == ("early\nlate\n", "a warning\n", "")
    assert page.disabled() == (False, True)


def test_what_a_program_says_is_text(page: Page) -> None:
    page.run(
        f"import sys\nmarkup = {MARKUP!r}\nprint(markup)\nprint(markup, file=sys.stderr)\nraise ValueError(markup)"
    )
    page.wait_for_status("completed")
    stdout, stderr, error = page.texts()
    assert (stdout, stderr) == (MARKUP + "\n", MARKUP + "\n")
    assert error.startswith("Traceback (most recent call last):\n")
    assert error.endswith(f"ValueError: {MARKUP}\n")


PICTURE = (
    "import struct, zlib\n"
    "def number(n): return struct.pack('>I', n)\n"
    "def chunk(kind, data): return number(len(data)) + kind + data + number(zlib.crc32(kind + data))\n"
    "rows = b''.join(b'\\0' + bytes([255, 0, 0] * 7) for _ in range(5))\n"
    "png = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>2I5B', 7, 5, 8, 2, 0, 0, 0))"
    " + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')\n"
)


def test_pictures_tables_and_values_are_shown(page: Page) -> None:
    table = f"<table><tr><td>{MARKUP.replace(chr(39), '')}</td></tr></table>"
    page.run(
        f"{PICTURE}display({{'image/png': png}}, raw=True)\n"
        f"display({{'text/html': {table!r}}}, raw=True)\n"
        "handle = display({'text/plain': 'old'}, raw=True, display_id='d')\n"
        f"display({{'text/plain': {MARKUP!r}}}, raw=True, display_id='d', update=True)\n"
        "6 * 7"
    )
    page.wait_for_status("completed")
    page.browser.wait("document.querySelector('#results img').naturalWidth === 7")
    shown = page.browser.script("return [...document.querySelector('#results').children].map((it) => it.localName)")
    assert shown == ["img", "iframe", "pre", "pre"]
    texts = page.browser.script("return [...document.querySelectorAll('#results pre')].map((it) => it.textContent)")
    assert texts == [MARKUP, "42"]
    assert page.browser.script("return document.querySelector('#results iframe').contentDocument") is None
    page.run("pass")
    page.wait_for_status("completed")
    assert page.browser.script("return document.querySelector('#results').children.length") == 0


def test_state_stays_and_the_keyboard_is_enough(page: Page) -> None:
    page.run("x = 20\n1 / 0")
    page.wait_for("#error", "ZeroDivisionError")
    page.wait_for_status("completed")
    page.browser.write("#code", "print(x + 1)" + CONTROL_ENTER)
    page.wait_for("#stdout", "21\n")
    page.wait_for_status("completed")
    assert page.texts() == ("21\n", "", "")


def test_interrupt(page: Page) -> None:
    page.run("print('busy')\nwhile True: pass")
    page.wait_for("#stdout", "busy")
    page.browser.click("#interrupt")
    page.wait_for_status("interrupted")
    assert "KeyboardInterrupt" in page.browser.text("#error")
    assert page.disabled() == (False, True)
    page.run("print(6 * 7)")
    page.wait_for_status("completed")
    assert page.texts() == ("42\n", "", "")


def test_a_python_that_dies(page: Page) -> None:
    page.run("print('last words'); import os; os._exit(3)")
    page.wait_for_status("completed")
    assert page.texts() == ("last words\n", "", "WorkerDied: exit status 3\n")


def test_a_page_that_is_left_interrupts_its_code(page: Page) -> None:
    page.run("print('busy')\nwhile True: pass")
    page.wait_for("#stdout", "busy")
    page.open()
    page.run("print('next')")
    page.wait_for_status("completed")
    assert page.texts() == ("next\n", "", "")


def test_the_page_keeps_and_shows_the_end_of_a_flood(page: Page) -> None:
    page.run("for i in range(10_000): print(f'{i:099}')")
    page.wait_for_status("completed")
    stdout = page.browser.text("#stdout")
    assert 100_000 < len(stdout) <= 200_000
    assert stdout.endswith(f"\n{9_999:099}\n")
    shown, pane = page.browser.script("""
        const range = document.createRange();
        range.selectNodeContents(document.getElementById("stdout"));
        return [range, document.getElementById("stdout-pane")].map((it) => it.getBoundingClientRect().bottom);
    """)
    assert pane - 20 < shown < pane  # the end of the long output is visible


def test_a_daemon_that_does_not_know_the_page(opened: Page, standing_daemon: SharedDaemon) -> None:
    page = Page(opened.browser, opened.origin, standing_daemon.url)
    page.open()
    page.run("print(1)")
    page.wait_for("#status", f"--allow-origin {page.origin}?")
    assert page.disabled() == (False, True)
    assert "403" in "".join(page.browser.console())


def test_markup_that_gets_into_the_page_all_the_same_does_nothing(opened: Page) -> None:
    refused = {
        "img-src": MARKUP,
        "frame-src": "<iframe src='/'></iframe>",
        "script-src-attr": "<b onclick='1'></b>",
        "style-src-attr": "<b style='color: red'></b>",
    }
    opened.open()
    opened.browser.script(f"""
        const seen = new Set();
        document.addEventListener("securitypolicyviolation", ({{violatedDirective}}) => {{
            document.body.dataset.seen = [...seen.add(violatedDirective)].sort();
        }});
        document.body.insertAdjacentHTML("beforeend", {"".join(refused.values())!r});
    """)
    opened.browser.wait(f"document.body.dataset.seen === {','.join(sorted(refused))!r}")
    assert opened.browser.script("return document.title") == TITLE
    opened.browser.console()


def test_everything_has_a_name_for_those_who_do_not_see_it(page: Page) -> None:
    page.run("1 / 0")
    page.wait_for_status("completed")
    named = {
        selector: tuple(
            page.browser.call("GET", f"{page.browser.find(selector)}/computed{what}") for what in ("role", "label")
        )
        for selector in ("#daemon", "#code", "#run", "#interrupt", "#stdout", "#stderr", "#error", "#status")
    }
    assert named == {
        "#daemon": ("textbox", "Daemon"),
        "#code": ("textbox", "Code (Ctrl+Enter runs it)"),
        "#run": ("button", "Run"),
        "#interrupt": ("button", "Interrupt"),
        "#stdout": ("log", "stdout"),
        "#stderr": ("log", "stderr"),
        "#error": ("alert", "error"),
        "#status": ("status", ""),
    }
