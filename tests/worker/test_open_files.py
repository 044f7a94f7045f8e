"""Open files, sockets and shared memory: what copies share is named, and what is only read is not shared."""

from pathlib import Path

from branched import Bench

from interpreterd.model.forks import Lost


async def test_a_file_that_is_read_has_a_place_of_its_own_in_each(copying: Bench, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("".join(f"{number}\n" for number in range(10_000)))
    original = await copying.worker(
        "f = open('lines', buffering=1)\ng = open('lines', 'rb', 0)\nfirst = g.read(6), f.readline()"
    )
    copies, told = await copying.branched(original, copies=2)
    assert told.lost == ()
    for coder in (original, *copies):
        assert await coder.run("print(g.read(4), f.readline()[:-1], len(f.readlines()))") == "b'3\\n4\\n' 1 9998\n"


async def test_a_file_that_is_written_is_named(copying: Bench, tmp_path: Path) -> None:
    original = await copying.worker("f = open('log', 'w')\ng = open('log2', 'a+')")
    _, told = await copying.branched(original)
    assert told.lost == (Lost("file", str(tmp_path / "log")), Lost("file", str(tmp_path / "log2")))


async def test_sockets_pipes_and_other_descriptors_are_named(copying: Bench) -> None:
    code = """
import os, select, socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
c = socket.create_connection(s.getsockname())
u = socket.socketpair()
r, w = os.pipe()
e = select.epoll()
print(s.getsockname()[1], c.getsockname()[1], r, w, e.fileno())
"""
    original = await copying.worker()
    server, client, read, write, poll = (await original.run(code)).split()
    _, told = await copying.branched(original)
    assert set(told.lost) == {
        Lost("socket", f"tcp 127.0.0.1:{server} listening"),
        Lost("socket", f"tcp 127.0.0.1:{client} to 127.0.0.1:{server}"),
        Lost("socket", "unix connected"),
        Lost("pipe", f"descriptor {read}"),
        Lost("pipe", f"descriptor {write}"),
        Lost("descriptor", f"[eventpoll], descriptor {poll}"),
    }


async def test_databases_of_sqlite_are_named_as_connections(copying: Bench, tmp_path: Path) -> None:
    code = "import sqlite3\ndb, memory = sqlite3.connect('my.db'), sqlite3.connect(':memory:')\n"
    code += "db.execute('CREATE TABLE t (x)')"
    original = await copying.worker(code)
    _, told = await copying.branched(original)
    assert told.lost == (Lost("connection", f"sqlite3 {tmp_path / 'my.db'}"),)


async def test_shared_memory_is_named_and_shared(copying: Bench) -> None:
    code = "import mmap, os\nm = mmap.mmap(-1, 4096)\nm[:2] = b'hi'"
    original = await copying.worker(code)
    copies, told = await copying.branched(original)
    assert [it.kind for it in told.lost] == ["shared_memory"]
    await original.run("m[:2] = b'oh'")
    assert await copies[0].run("print(m[:2])") == "b'oh'\n"


async def test_private_mappings_are_not_named(copying: Bench, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(4096))
    code = "import mmap\nf = open('data', 'rb')\nm = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)"
    original = await copying.worker(code)
    copies, told = await copying.branched(original)
    assert told.lost == ()
    assert await copies[0].run("print(m[:1])") == "b'\\x00'\n"
