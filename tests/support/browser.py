"""A headless Chromium, driven over WebDriver (https://www.w3.org/TR/webdriver2/)."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

PROGRAMS: Final = ("chromium", "chromedriver")
MISSING: Final = "the page is tested in Debian's Chromium, which is not here: apt-get install chromium chromium-driver"
END_LIMIT_S: Final = 10
# Containers and root need the first two flags. The other flags keep the browser off the network.
FLAGS: Final = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-breakpad",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-extensions",
    "--disable-default-apps",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
SCRIPT_LIMIT_MS: Final = 30_000  # shorter than a test's timeout: the driver then reports the condition
READY: Final = "was started successfully on port "
# Calls back when ``found()`` is true. It runs again after each change of the page.
WAIT: Final = """
const done = arguments[arguments.length - 1], found = () => (%s);
const look = () => { if (found()) { observer.disconnect(); done(); } };
const observer = new MutationObserver(look);
observer.observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
look();
"""


class Browser:
    """A browser with one page. Its calls block; a script that waits too long fails."""

    def __init__(self, url: str) -> None:
        self._url = url

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send a command to the driver; return the value of its answer."""
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(json.load(error)["value"]["message"]) from None

    def visit(self, url: str) -> None:
        """Load a page."""
        self.call("POST", "/url", {"url": url})

    def find(self, selector: str) -> str:
        """Return the path of the element that a CSS selector finds."""
        (reference,) = self.call("POST", "/element", {"using": "css selector", "value": selector}).values()
        return f"/element/{reference}"

    def click(self, selector: str) -> None:
        """Click an element as a person does."""
        self.call("POST", self.find(selector) + "/click")

    def write(self, selector: str, text: str) -> None:
        """Replace the text of a field by typing."""
        element = self.find(selector)
        self.call("POST", element + "/clear")
        self.call("POST", element + "/value", {"text": text})

    def script(self, source: str) -> Any:
        """Run JavaScript in the page; return its result."""
        return self.call("POST", "/execute/sync", {"script": source, "args": []})

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return str(self.script(f"return document.querySelector({selector!r}).textContent"))

    def wait(self, condition: str) -> None:
        """Wait until JavaScript's ``condition`` is true."""
        self.call("POST", "/execute/async", {"script": WAIT % condition, "args": []})

    def console(self) -> list[str]:
        """Return the console's messages, of the page and the browser, since the last call."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser with a new profile for the block. Its processes and profile are removed afterwards."""
    if not all(map(shutil.which, PROGRAMS)):
        pytest.fail(MISSING, pytrace=False)
    # Not pytest's folder: its path is too long for a unix socket.
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        driver = subprocess.Popen(
            ["chromedriver", "--port=0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": folder, "TMPDIR": folder},
            text=True,
            start_new_session=True,
        )
        assert driver.stdout is not None
        try:
            with driver.stdout as stdout:
                port = next((line.partition(READY)[2].rstrip(".\n") for line in stdout if READY in line), "")
                assert port, "chromedriver has ended"
                yield from _session(f"http://127.0.0.1:{port}", folder)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()
            _wait_for_the_end_of_all(folder)


def _session(driver: str, folder: str) -> Iterator[Browser]:
    options = {"args": [*FLAGS, f"--user-data-dir={folder}/profile"], "binary": shutil.which("chromium")}
    wishes = {
        "goog:chromeOptions": options,
        "goog:loggingPrefs": {"browser": "ALL"},
        "timeouts": {"script": SCRIPT_LIMIT_MS},
    }
    session = Browser(driver).call("POST", "/session", {"capabilities": {"alwaysMatch": wishes}})
    browser = Browser(f"{driver}/session/{session['sessionId']}")
    yield browser
    browser.call("DELETE", "")


def _wait_for_the_end_of_all(folder: str) -> None:
    """Wait for all processes with ``folder`` in their command line. Crash handlers have their own sessions."""
    poll = select.poll()
    with contextlib.ExitStack() as descriptors:
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # the process has ended
                if folder.encode() in (process / "cmdline").read_bytes():
                    pidfd = os.pidfd_open(int(process.name))
                    descriptors.callback(os.close, pidfd)
                    poll.register(pidfd, select.POLLIN)
                    assert poll.poll(END_LIMIT_S * 1000), f"left: {process.name}"
                    poll.unregister(pidfd)
