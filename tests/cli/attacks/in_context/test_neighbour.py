"""The neighbour makes targets of its own, and removes what would outlive it."""

import os
import socket
from pathlib import Path

import pytest

from interpreterd.cli.attacks.in_context import neighbour
from interpreterd.cli.attacks.in_context.attacker import answer, call, connected


def test_the_neighbour_has_files_servers_and_memory_until_it_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    token, key = f"test-{os.getpid()}", 0x3C0DE000 + os.getpid() % 4096
    served: list[object] = []
    monkeypatch.setattr(neighbour, "serving", lambda family, address: served.append(family) or ("127.0.0.1", 1))
    found = neighbour.settle(token, key)
    try:
        assert (tmp_path / "secret").read_text() == "of a neighbour"
        assert (tmp_path / f"secret-{token}").exists()
        assert os.path.exists(f"/dev/shm/{found['neighbour_shm']}")
        assert call("shmget", key, 0, 0) == found["neighbour_memory"]
        assert served == [socket.AF_INET, socket.AF_UNIX, socket.AF_UNIX]
    finally:
        neighbour.leave(found)
    assert not (tmp_path / f"secret-{token}").exists()
    assert not os.path.exists(f"/dev/shm/{found['neighbour_shm']}")
    with pytest.raises(FileNotFoundError):
        call("shmget", key, 0, 0)


def test_what_it_may_not_make_is_left_out(tmp_path: Path) -> None:
    assert neighbour.file(str(tmp_path / "none" / "file")) is None
    assert neighbour.serving(socket.AF_UNIX, str(tmp_path / "none" / "socket")) is None


def test_its_child_is_known_by_a_word() -> None:
    with neighbour.mark("a-word") as child:
        try:
            assert child.args[-1] == "a-word"
        finally:
            child.kill()


def test_its_server_answers() -> None:
    source = Path(neighbour.__file__).read_text("utf-8")
    code = f"{source}\nprint(serving(socket.AF_INET, ('127.0.0.1', 0))[1], flush=True); sys.stdin.read()"
    with neighbour.subprocess.Popen([neighbour.sys.executable, "-c", code], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with connected(socket.AF_INET, socket.SOCK_STREAM, 0, ("127.0.0.1", port)) as link:
            assert answer(link, b"hello") == b"hello"
        process.communicate()
