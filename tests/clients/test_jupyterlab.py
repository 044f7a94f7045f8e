"""JupyterLab with --gateway-url, in a headless Chromium. All tests share one Lab, one page and one kernel."""

from collections.abc import Iterator
from typing import Final

import pytest
from browser import browser
from front_ends import ENTER, Page, front_end
from outside import python_of
from standing import SharedDaemon, StandingDaemons

DIALECT = "jupyter"
CLIENT = "JupyterLab"
SLIDER: Final = """
import ipywidgets
slider, label = ipywidgets.IntSlider(value=3), ipywidgets.Label()
def moved(change):
    label.value = f"moved to {change['new']}"
slider.observe(moved, "value")
ipywidgets.VBox([slider, label])
"""
INTERACT: Final = """
from ipywidgets import interact
@interact(n=(0, 10))
def show(n=3):
    print("the value is", n)
"""
CELLS: Final = {
    "text": "x = 20\nprint('told', x + 1)",
    "table": "import pandas\npandas.DataFrame({'city': ['Ulm'], 'people': [126]})",
    "picture": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    "error": "1 / 0",
    "input": "print(input('name? ') * 2)",
    "endless": "print('runs')\nwhile True: pass",
    "slider": SLIDER,
    "interact": INTERACT,
    "set": "gone = 1\nprint('set')",
    "get": "gone",
    "fails": "input('go on? ')\nnowhere",
    "behind": "print('reached')",
}
NUMBER: Final = {name: number for number, name in enumerate(CELLS)}


@pytest.fixture(scope="module")
def client_daemon(standing_daemons: StandingDaemons) -> SharedDaemon:
    """Return a daemon whose contexts have the clients' packages."""
    return standing_daemons.get("--python", python_of())


@pytest.fixture(scope="module")
def page(client_daemon: SharedDaemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Yield the page of a notebook in JupyterLab, with a kernel."""
    folder = tmp_path_factory.mktemp("lab")
    with front_end("lab", client_daemon.url, folder, list(CELLS.values())) as address, browser() as chromium:
        page = Page(chromium)
        page.open(address)
        yield page


def test_text(page: Page) -> None:
    """A cell prints text."""
    page.run(NUMBER["text"])
    page.shows(NUMBER["text"], "told 21")


def test_table(page: Page) -> None:
    """A data frame is a table."""
    page.run(NUMBER["table"])
    page.browser.wait(f"{page.output(NUMBER['table'], 'table td')}?.textContent === 'Ulm'")


def test_picture(page: Page) -> None:
    """A plot is a picture."""
    page.run(NUMBER["picture"])
    page.browser.wait(f"{page.output(NUMBER['picture'], 'img')}?.naturalWidth > 100")


def test_error(page: Page) -> None:
    """An error has its coloured traceback."""
    page.run(NUMBER["error"])
    page.shows(NUMBER["error"], "ZeroDivisionError: division by zero")
    page.browser.wait(page.output(NUMBER["error"], "[class^=ansi]"))


def test_input(page: Page) -> None:
    """input() asks in the page."""
    page.run(NUMBER["input"])
    page.browser.wait("document.querySelector('.jp-Stdin-input')")
    page.press(".jp-Stdin-input", "Bo" + ENTER)
    page.shows(NUMBER["input"], "BoBo")


def test_interrupt(page: Page) -> None:
    """The button interrupts a cell."""
    page.run(NUMBER["endless"])
    page.shows(NUMBER["endless"], "runs")
    page.command("notebook:interrupt-kernel")
    page.shows(NUMBER["endless"], "KeyboardInterrupt")


def test_slider(page: Page) -> None:
    """A slider of ipywidgets moves, and its callback runs."""
    page.run(NUMBER["slider"])
    page.push(NUMBER["slider"])
    page.shows(NUMBER["slider"], "moved to 4")


def test_interact(page: Page) -> None:
    """`interact` calls a function when its slider moves, and shows what it prints."""
    page.run(NUMBER["interact"])
    page.shows(NUMBER["interact"], "the value is 3")
    page.push(NUMBER["interact"])
    page.shows(NUMBER["interact"], "the value is 4")


def test_several_cells(page: Page) -> None:
    """Of several cells that are run at once, those behind an error do not run."""
    page.run(NUMBER["fails"], NUMBER["behind"])
    page.browser.wait("document.querySelector('.jp-Stdin-input')")  # so that both are there before one fails
    page.press(".jp-Stdin-input", ENTER)
    page.shows(NUMBER["fails"], "NameError")
    page.browser.wait("![...document.querySelectorAll('.jp-InputPrompt')].some(it => it.textContent.includes('*'))")
    page.ready()
    assert page.browser.script(f"return {page.output(NUMBER['behind'])}.innerText") == ""


def test_restart(page: Page) -> None:
    """The button restarts the kernel, and its variables are gone."""
    page.run(NUMBER["set"])
    page.shows(NUMBER["set"], "set")
    page.command("notebook:restart-kernel")
    page.browser.wait("document.querySelector('.jp-Dialog .jp-mod-accept')")
    page.browser.click(".jp-Dialog .jp-mod-accept")
    page.ready()
    page.run(NUMBER["get"])
    page.shows(NUMBER["get"], "NameError: name 'gone' is not defined")
