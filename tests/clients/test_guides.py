"""The code of the guides for clients of other APIs is run, by their own Python."""

import os
import subprocess
from pathlib import Path

import pytest
from documents import DOCUMENTED, blocks
from paths import ROOT
from standing import SharedDaemon

HERE = "tests/clients/test_guides.py does, with the SDK"
GUIDES = [
    path for path in sorted((ROOT / "docs").glob("*.md")) if f"<!-- not run: {HERE} -->" in path.read_text("utf-8")
]


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_a_guide_prints_what_it_shows(
    path: Path, client_daemon: SharedDaemon, clients_python: str, tmp_path: Path
) -> None:
    """All its blocks are one program, from the top of the page down."""
    ours = [block for block in blocks(path) if block.language == "python" and block.reason == HERE]
    host, _, port = client_daemon.url.removeprefix("http://").partition(":")
    program = "\n".join(block.text for block in ours)
    for shown, here in ((DOCUMENTED, f"{host}:{port}"), (f"port={DOCUMENTED.partition(':')[2]}", f"port={port}")):
        program = program.replace(shown, here)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [clients_python, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=50
    )
    assert done.stdout == "".join(block.shown for block in ours), done.stderr
