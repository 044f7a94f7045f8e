"""The page of the guide for browsers runs in a browser, from an origin that the daemon allows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from browser import browser
from documents import DOCUMENTED, only, runnable, serve_flags
from paths import ROOT
from standing import shared_daemon

GUIDE = ROOT / "docs/browser.md"


@pytest.mark.xdist_group("browser")
def test_the_page_of_the_guide_runs_code(tmp_path: Path) -> None:
    flags = serve_flags(runnable(GUIDE)[0])
    assert flags is not None
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            origin = "http://127.0.0.1:" + re.findall(r"port (\d+)", server.stdout.readline())[0]
            allowed = [flag.replace("https://notebook.example", origin) for flag in flags]
            with shared_daemon(tmp_path, *allowed) as daemon, browser() as driven:
                page = only(GUIDE, "html").text.replace(DOCUMENTED, daemon.url.removeprefix("http://"))
                (tmp_path / "index.html").write_text(page)
                driven.visit(origin)
                driven.click("#run")
                driven.wait("document.querySelector('#output').textContent === '0\\n1\\n2\\n'")
                driven.write("#code", "1 / 0")
                driven.click("#run")
                driven.wait("document.querySelector('#output').textContent.endsWith('division by zero\\n')")
                driven.write("#code", "import os; os._exit(3)")
                driven.click("#run")
                driven.wait("document.querySelector('#output').textContent === 'WorkerDied: exit status 3\\n'")
        finally:
            server.terminate()
