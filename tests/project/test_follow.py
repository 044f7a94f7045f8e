"""docs/follow.md names exactly the rooms that an execution passes; every file that documents name exists."""

import contextlib
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from blockbuster import BlockBuster
from paths import ROOT

from interpreterd.app import make_app
from interpreterd.processes.nursery import Nursery
from interpreterd.settings import Settings
from interpreterd.workers.launchers.spawn import SpawnLauncher

PACKAGE = ROOT / "interpreterd"
PAGE = (ROOT / "docs/follow.md").read_text("utf-8")
IN_THE_DAEMON = re.sub(
    r"\n## In the worker\n.*?\n## Out\n", "", PAGE.partition("\n## Other ways\n")[0], flags=re.DOTALL
)
# Modules without a function that an execution calls.
DATA = {
    "contexts/service.py",
    "dialects/native/routes.py",
    "model/requests.py",
    *(f"machine/{name}.py" for name in ("effects", "inputs", "table", "verdicts")),
}
LONGEST_JUMP = 3  # floors, from one room to the next
DOCUMENTS = ("ARCHITECTURE.md", "CONTRIBUTING.md", "docs/follow.md")
FILES = [str(path.relative_to(ROOT)) for path in ROOT.glob("[!.]*/**/*.*") if path.is_file()]


def file_of(frame: FrameType | None) -> str | None:
    """Return the package's file of ``frame``, or of its nearest caller in the package."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(f"{PACKAGE}/"):
            return frame.f_code.co_filename.removeprefix(f"{PACKAGE}/")
        frame = frame.f_back
    return None


@contextlib.contextmanager
def calls() -> Iterator[set[tuple[str | None, str]]]:
    """Yield a set that fills with the block's calls within the package: (caller's file, called file)."""
    made: set[tuple[str | None, str]] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(f"{PACKAGE}/"):
            made.add((file_of(frame.f_back), frame.f_code.co_filename.removeprefix(f"{PACKAGE}/")))

    sys.setprofile(note)
    try:
        yield made
    finally:
        sys.setprofile(None)


def room(file: str) -> str:
    return file.partition("/")[0].removesuffix(".py")


async def test_an_execution_passes_the_rooms_that_the_page_names_and_jumps_over_few_floors(
    aiohttp_client: Any, tmp_path: Path, no_blocking: BlockBuster
) -> None:
    launcher = SpawnLauncher(python=sys.executable, nursery=Nursery(), start_timeout_s=30)
    no_blocking.deactivate()
    await launcher.describe_python()  # the launcher looks for the worker's files once
    no_blocking.activate()
    client = await aiohttp_client(make_app(settings=Settings.of(cwd=str(tmp_path)), launcher=launcher))
    with contextlib.closing(launcher):
        for watched in (contextlib.nullcontext(set()), calls()):  # the page leaves out the start of a worker
            with watched as made:
                async with client.ws_connect("/process/interpreter/execute") as socket:
                    await socket.send_json({"code": "print('hello')"})
                    assert [message.json()["text"] async for message in socket] == ["hello\n", "completed"]
        await client.close()
    files = {called for _, called in made}
    named = {name for name in re.findall(r"`([\w/]+\.py)`", IN_THE_DAEMON) if (PACKAGE / name).exists()}
    rooms = {str(Path(name).parent) for name in files if "/" in name}
    assert set(re.findall(r"\*\*`([\w/]+)/`\*\*", IN_THE_DAEMON)) == rooms
    assert named - files <= DATA, "the page sends readers where no execution comes"
    floors = runpy.run_path(str(ROOT / "docs" / "floors.py"))["floors"]()
    floor = {name: number for number, names in enumerate(floors) for name in names}
    ways = {(room(caller), room(called)) for caller, called in made if caller is not None}
    jumps = {way: floor[way[0]] - floor[way[1]] for way in ways if "model" not in way}  # all rooms use the model
    assert max(jumps.values()) <= LONGEST_JUMP, jumps


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_exists(document: str) -> None:
    named = re.findall(r"`([\w./]+\.(?:py|json|jsonl|cfg|toml|md)|[\w./]+/)`", (ROOT / document).read_text("utf-8"))
    paths = [*FILES, *(path.name for path in ROOT.iterdir()), *(f"{Path(name).parent}/" for name in FILES)]
    assert named
    missing = [name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in paths)]
    assert [name for name in missing if not (ROOT / name).exists()] == []
