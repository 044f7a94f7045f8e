"""JupyterLab and Jupyter Notebook: their servers, which send all code to a gateway, and their page of a notebook."""

import contextlib
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from browser import Browser
from outside import python_of

STOP_LIMIT_S: Final = 30
NOTEBOOK: Final = "cells.ipynb"
ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:\d+/(lab|tree)")
FLAGS: Final = (
    "--no-browser",
    "--ip=127.0.0.1",
    "--port=0",
    "--allow-root",
    "--IdentityProvider.token=",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)
ENTER, RIGHT, SHIFT = "\ue007", "\ue014", "\ue008"
PROMPT: Final = '.jp-Notebook [data-windowed-list-index="%d"] .jp-InputPrompt'
WEB_ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"  # its name for a reference to an element


@contextlib.contextmanager
def front_end(app: str, gateway: str, folder: Path, cells: Sequence[str]) -> Iterator[str]:
    """Run ``jupyter lab`` or ``jupyter notebook`` for the block; yield the address of a notebook with ``cells``."""
    (folder / NOTEBOOK).write_text(_notebook(cells))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER"))}
    process = subprocess.Popen(
        [python_of(), "-m", {"lab": "jupyterlab", "notebook": "notebook"}[app], "--gateway-url", gateway, *FLAGS],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=inherited | {"HOME": str(folder / "home")},
        text=True,
    )
    assert process.stderr is not None
    with process.stderr as log:
        said = []
        address = None
        while address is None and (line := log.readline()):
            said.append(line)
            address = ADDRESS.search(line)
        assert address is not None, "".join(said)
        draining = threading.Thread(target=log.read)
        draining.start()
        try:
            root = address[0].rpartition("/")[0]
            yield f"{root}/{'lab/tree' if app == 'lab' else 'notebooks'}/{NOTEBOOK}"
        finally:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            finally:
                process.kill()
                process.wait()
                draining.join()


def _notebook(cells: Sequence[str]) -> str:
    empty = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    return json.dumps(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "cells": [{**empty, "id": f"cell-{number}", "source": cell} for number, cell in enumerate(cells)],
        }
    )


class Page:
    """The page of a notebook, in a browser. A cell is named by its number, from 0."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def open(self, address: str) -> None:
        """Load the page and wait for its kernel."""
        self.browser.call("POST", "/window/rect", {"width": 1400, "height": 3000})  # cells out of sight are not drawn
        self.browser.visit(address)
        self.browser.wait("document.querySelector('.jp-Notebook .jp-CodeCell')")
        self.ready()

    def ready(self) -> None:
        """Wait until the kernel is idle."""
        told = "document.querySelector('.jp-Notebook-ExecutionIndicator-tooltip')?.textContent.includes('Idle')"
        chosen = "document.querySelector('.jp-Toolbar-kernelName')?.textContent.startsWith('Python')"
        self.browser.wait(f"!document.querySelector('.jp-Dialog') && {told} && {chosen}")

    def run(self, cell: int, last: int | None = None) -> None:
        """Run a cell, or all up to ``last`` at once, by the button."""
        self.browser.click(PROMPT % cell)
        if last is not None:
            self._click_with_shift(PROMPT % last)
        self.command("notebook:run-cell-and-select-next")

    def _click_with_shift(self, selector: str) -> None:
        place = {WEB_ELEMENT: self.browser.find(selector).rpartition("/")[2]}
        pause: dict[str, object] = {"type": "pause"}
        keys = [{"type": "keyDown", "value": SHIFT}, pause, pause, pause, {"type": "keyUp", "value": SHIFT}]
        click: list[dict[str, object]] = [{"type": name, "button": 0} for name in ("pointerDown", "pointerUp")]
        moves = [pause, {"type": "pointerMove", "origin": place, "x": 0, "y": 0}, *click, pause]
        hands = [{"type": "key", "id": "left", "actions": keys}, {"type": "pointer", "id": "right", "actions": moves}]
        self.browser.call("POST", "/actions", {"actions": hands})

    def command(self, name: str) -> None:
        """Press a button of the toolbar."""
        self.browser.click(f'.jp-NotebookPanel-toolbar [data-command="{name}"]')

    def output(self, cell: int, selector: str = "") -> str:
        """Return JavaScript for the element that has the output of a cell, or for an element below it."""
        return f"""document.querySelector('[data-windowed-list-index="{cell}"] .jp-OutputArea {selector}')"""

    def shows(self, cell: int, text: str) -> None:
        """Wait until the output of a cell contains ``text``."""
        self.browser.wait(f"{self.output(cell)}?.innerText.includes({json.dumps(text)})")

    def push(self, cell: int) -> None:
        """Wait for the slider in the output of a cell, and push it to the right by one."""
        self.browser.wait(self.output(cell, ".noUi-handle"))
        self.press(f'[data-windowed-list-index="{cell}"] .noUi-handle', RIGHT)

    def press(self, selector: str, key: str) -> None:
        """Press keys in an element."""
        self.browser.call("POST", self.browser.find(selector) + "/value", {"text": key})
