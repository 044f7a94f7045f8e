"""The daemon and the worker read and write one example of every message of the pipe."""

import json
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
from paths import GOLDEN, ROOT
from worker_driver import find_pythons

from interpreterd.model.archives import Skipped
from interpreterd.model.comms import ToComm, comm_content
from interpreterd.model.displays import Json
from interpreterd.model.failures import Details, Failure, Frame
from interpreterd.model.files import ChangedFile, ChangedFiles
from interpreterd.model.forks import Lost
from interpreterd.model.functions import HostFunction
from interpreterd.model.looks import Cell, Comms, Completions, History, HistoryQuery, OpenComm, Task
from interpreterd.model.requests import Execute
from interpreterd.pipe import messages
from interpreterd.pipe.archiving import (
    Archived,
    ArchiveFailed,
    AwaitingGift,
    Given,
    Load,
    Loaded,
    LoadFailed,
    WriteArchive,
)
from interpreterd.pipe.branching import Branch, BranchEnded, Branching, Giving
from interpreterd.pipe.calls import Called, CancelCall, Dropped, Raise, Return
from interpreterd.pipe.confinement import Confinement, Landlock, Parting
from interpreterd.pipe.decoders import Decoder
from interpreterd.pipe.encoders import encode
from interpreterd.pipe.messages import (
    Answer,
    Asked,
    Configure,
    Configured,
    Done,
    Exit,
    Exiting,
    Failed,
    Fork,
    Forked,
    Leave,
    Moved,
    Ready,
    Reaped,
    Run,
    Sync,
    Synced,
)

TO_WORKER_FILE = GOLDEN / "to_worker.jsonl"
FROM_WORKER_FILE = GOLDEN / "from_worker.jsonl"
CHANNEL = ROOT / "worker" / "channel.py"

TO_WORKER: list[messages.ToWorker] = [
    Configure(cwd="/home/user"),
    Configure(cwd="/tmp/Übung 日本", envs={"PATH": "/usr/bin:/bin", "GREETING": "grüß dich 👋"}),
    Configure(cwd="/", data_bytes=671088640),
    Configure(cwd="/", file_bytes=0, open_files=64, processes=7),
    Configure(cwd="/", file_bytes=1048576, writes=False),
    Leave(),
    Run("5f3c7f0e-8f5c-4f0e-9a55-0d9b6a1c2e3d", Execute(code="x = 1")),
    Run("e2", Execute(code="print('naïve', \"日本\", '👋')\n\tx = '\\n'\r\n\u2028\0", envs={"A": "", "B": "a=b\nc"})),
    Run("e3", Execute(code="input()", stdin=True)),
    Run("e4", Execute(code="x", interactive=True)),
    Run("e5", Execute(code="x", charts=True, image_format="svg")),
    Run("e5", Execute(code="x", formats=("application/json",), shows_saved=True, refuses_input=True)),
    Run("e6", Execute(code="x", files=True)),
    Run(
        "e6",
        Execute(
            code="x",
            functions=(
                HostFunction(name="search", signature="(query: str)", doc="Finds."),
                HostFunction(name="github.fetch", is_async=True),
            ),
        ),
    ),
    Configure(
        cwd="/w",
        confine=Confinement(
            home="/h",
            temporary="/t",
            landlock=Landlock(abi=7, read=("/usr",), write=("/w",), devices=("/dev/null",), ports=(443,)),
            seccomp="AAA=",
            notes={"write": "off"},
        ),
    ),
    Run("e6", Execute(code="pri", task=Task(kind="complete", cursor=3))),
    Run("e7", Execute(code="x", counted=False, expressions={"double": "2 * x"}, pages=True, message_id="m")),
    Run(
        "e8",
        Execute(
            code="", task=Task(kind="history", history=HistoryQuery(access="search", n=10, pattern="a*", unique=True))
        ),
    ),
    Run("e9", Execute(code="", task=Task(kind="comms", target="jupyter.widget"))),
    Run("e10", Execute(code=comm_content('{"a":1}', buffers=[b"\0"]), comm=ToComm(action="message", comm_id="c"))),
    Answer(number=1, text="grün"),
    Answer(number=2, text=None),
    Return(number=7, value=Json('["grün",{"a":null}]')),
    Raise(number=8, name="ValueError", value="no"),
    CancelCall(number=9),
    Sync(),
    Exit(),
    Fork(),
    WriteArchive(archive_id="a"),
    WriteArchive(archive_id="a", rests=True),
    Load(archive_id="a", offset=16, size_bytes=4711, modules=("numpy",)),
    Given(archive_id="a"),
    Branch(branch_id="b", purpose="fork", copies=2, strict=True),
    Branch(branch_id="b", purpose="checkpoint", cwds=("/copy",), part=Parting(abi=7, seccomp="AA==")),
    Giving(branch_id="b"),
]
FROM_WORKER: list[messages.FromWorker] = [
    Ready(pid=4711, python="3.9.18"),
    Ready(pid=4711, python="3.9.18", mark="0123456789abcdef"),
    Configured(),
    Failed(reason="cannot enter /tmp/Übung: No such file or directory"),
    Asked(execution_id="e1", number=1, prompt="Wer? ", password=True),
    Called(execution_id="e1", number=7, name="search", args=Json('["Übung"]'), kwargs=Json('{"limit":3}')),
    Dropped(execution_id="e1", number=7),
    Done(execution_id="e1"),
    Done(execution_id="e1", children=True),
    Done(execution_id="e1", files=ChangedFiles(files=(ChangedFile(path="a/b.csv", size_bytes=3),), is_cut=False)),
    Done(
        execution_id="e2",
        error=Failure(
            name="ZeroDivisionError",
            value="division by zero",
            traceback='Traceback (most recent call last):\n  File "<ipython-cell-9e8bb1a6d2c4>", line 1, in <module>\n'
            "    1/0\nZeroDivisionError: division by zero\n",
        ),
    ),
    Done(
        execution_id="e3",
        error=Failure(
            name="Fehlerß", value='日本 👋 \0\x1b[31m"\\', traceback='__main__.Fehlerß: 日本 👋 \0\x1b[31m"\\\n'
        ),
    ),
    Done(execution_id="e4", error=Failure(name="KeyboardInterrupt", value="", traceback="")),
    Done(
        execution_id="e5",
        error=Failure(
            name="NameError",
            value="name 'avarage' is not defined",
            traceback="…",
            details=Details(
                frames=(
                    Frame(
                        file="<ipython-cell-9e8bb1a6d2c4>",
                        cell=3,
                        line=2,
                        end_line=2,
                        column=6,
                        end_column=13,
                        function="<module>",
                        source="print(avarage)",
                    ),
                ),
                notes=("über",),
                suggestion="Did you mean: 'average'?",
                context=Failure(name="KeyError", value="'x'", details=Details(omitted_frames=7)),
            ),
        ),
    ),
    Done(
        execution_id="e7",
        found=Completions(matches=("print",), types=("function",), cursor_start=0, cursor_end=3),
    ),
    Done(
        execution_id="e8",
        found=History(cells=(Cell(number=2, source="a = 1"), Cell(number=3, source="a", output="1")), omitted=4),
    ),
    Done(execution_id="e9", found=Comms(comms=(OpenComm(comm_id="c", target="jupyter.widget"),))),
    Exiting(execution_id="e6"),
    Synced(),
    Moved(pid=4713, first=4712),
    Forked(pid=4712),
    Reaped(pid=4712, status=-9),
    AwaitingGift(),
    Archived(saved=("x", "größe"), skipped=(Skipped("f", "an open file"),), modules=("numpy",), size_bytes=4711),
    Archived(saved=("x",), skipped=(), modules=(), size_bytes=9, omitted=7),
    ArchiveFailed(reason="it was interrupted"),
    Loaded(restored=("x",), skipped=(Skipped("df", "No module named 'pandas'"),)),
    LoadFailed(reason="it ends too early"),
    Ready(pid=4711, python="3.9.18", mark="0123456789abcdef", reseeded=("random", "numpy.random")),
    Branching(branch_id="b", pid=4712, lost=(Lost("thread", "sleepy"), Lost("file", "/tmp/Übung"))),
    BranchEnded(branch_id="b"),
    BranchEnded(branch_id="b", refused=True, lost=(Lost("socket", "tcp 127.0.0.1:80 listening"),)),
    BranchEnded(branch_id="b", failure="cannot fork: Resource temporarily unavailable"),
]

# Runs under the worker's Python. It reads messages from one file and writes messages to another file.
WORKER_SIDE = """
import json, os, sys
channel_file, to_worker, from_worker = sys.argv[1:]
namespace = {}
exec(open(channel_file).read(), namespace)

read_fd, write_fd = os.pipe()
os.write(write_fd, open(to_worker, "rb").read())
os.close(write_fd)
channel = namespace["Channel"](read_fd, read_fd)
for line in open(to_worker, encoding="utf-8", newline="\\n"):
    assert channel.receive() == json.loads(line), line
try:
    raise AssertionError(channel.receive())
except namespace["ChannelLost"]:
    pass

read_fd, write_fd = os.pipe()
channel = namespace["Channel"](read_fd, write_fd)
for line in open(from_worker, encoding="utf-8", newline="\\n"):
    channel.send(json.loads(line))
os.close(write_fd)
sys.stdout.write(os.read(read_fd, 1 << 16).decode("ascii"))
"""


def lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)


def parsed(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("union", "examples"), [(messages.ToWorker, TO_WORKER), (messages.FromWorker, FROM_WORKER)], ids=["to", "from"]
)
def test_every_message_has_an_example(union: Any, examples: list[Any]) -> None:
    assert {type(message) for message in examples} == set(get_args(union))


def test_the_daemon_writes_what_the_worker_reads() -> None:
    encoded = [encode(message) for message in TO_WORKER]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in encoded)
    assert parsed(b"".join(encoded)) == parsed(TO_WORKER_FILE.read_bytes())


def test_the_daemon_reads_what_the_worker_writes() -> None:
    assert [messages.decode_line(line) for line in lines(FROM_WORKER_FILE)] == FROM_WORKER
    assert Decoder().feed(FROM_WORKER_FILE.read_bytes()) == FROM_WORKER


@pytest.mark.parametrize("version", find_pythons())
def test_the_worker_reads_and_writes_the_same(version: str, tmp_path: Path) -> None:
    script = tmp_path / "worker_side.py"
    script.write_text(WORKER_SIDE)
    command = [find_pythons()[version], "-I", "-S", "-X", "utf8", str(script)]
    ran = subprocess.run(
        [*command, str(CHANNEL), str(TO_WORKER_FILE), str(FROM_WORKER_FILE)], capture_output=True, check=False
    )
    assert ran.stderr == b""
    assert parsed(ran.stdout) == parsed(FROM_WORKER_FILE.read_bytes())
    assert [messages.decode_line(line) for line in ran.stdout.splitlines(keepends=True)] == FROM_WORKER
