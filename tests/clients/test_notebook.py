"""Jupyter Notebook with --gateway-url, in a headless Chromium."""

from pathlib import Path

import pytest
from browser import browser
from front_ends import Page, front_end
from outside import python_of
from standing import SharedDaemon, StandingDaemons

DIALECT = "jupyter"
CLIENT = "Jupyter Notebook"


@pytest.fixture(scope="module")
def client_daemon(standing_daemons: StandingDaemons) -> SharedDaemon:
    """Return a daemon whose contexts have the clients' packages."""
    return standing_daemons.get("--python", python_of())


def test_a_cell_prints_text(client_daemon: SharedDaemon, tmp_path: Path) -> None:
    cells = ["print('told', 20 + 1)"]
    with front_end("notebook", client_daemon.url, tmp_path, cells) as address, browser() as chromium:
        page = Page(chromium)
        page.open(address)
        page.run(0)
        page.shows(0, "told 21")
