"""Files are read and written piece by piece."""

import base64
import os
from pathlib import Path

import pytest

from interpreterd.dialects.e2b.envd.in_context import transfers
from interpreterd.dialects.e2b.envd.in_context.files import METADATA, Refused


def answer(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_file_is_read_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    found = transfers.look(str(path))
    assert (found["path"], found["size"], found["head"]) == (str(path), 10, answer(b"0123456789"))
    about = (found["path"], found["identity"])
    assert [transfers.read(*about, offset, 4) for offset in (0, 4, 8, 12)] == [b"0123", b"4567", b"89", b""]


def test_another_file_of_the_same_name_is_not_the_rest(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"0123456789")
    other.write_bytes(b"0123456789")
    found = transfers.look(str(path))
    other.replace(path)
    with pytest.raises(Refused, match="another file is there by now"):
        transfers.read(found["path"], found["identity"], 4, 4)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(Refused, match=f"path must .*: {path}$"):
            transfers.look(str(path))


def test_a_small_file_is_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    told = {"name": "b.txt", "type": "file", "path": str(path)}
    for content in (b"a longer one", b"short"):
        assert transfers.put(str(path), {}, lambda: answer(content)) == told  # noqa: B023
        assert path.read_bytes() == content


def test_a_large_file_is_seen_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a"
    place = transfers.begin()
    for piece in (b"one ", b"two"):
        transfers.add(place, lambda: answer(piece))  # noqa: B023
    assert not path.exists()
    transfers.commit(str(path), place, {})
    transfers.drop(place)
    assert path.read_bytes() == b"one two"
    assert not os.path.exists(place)


def test_what_has_a_link_or_rights_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch(0o600)
    (tmp_path / "link").symlink_to("a")
    transfers.put(str(tmp_path / "link"), {}, lambda: answer(b"x"))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"x", 0o600)
    assert (tmp_path / "link").is_symlink()


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    for path in (f"{tmp_path}", f"{tmp_path}/new/"):
        with pytest.raises(Refused, match="path must not be a directory"):
            transfers.put(path, {}, lambda: answer(b"x"))
    assert list(tmp_path.iterdir()) == []


def test_metadata_stays_with_the_file_or_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, bytes] = {}
    monkeypatch.setattr(os, "setxattr", lambda file, name, value: kept.update({name: value}))
    told = transfers.put(str(tmp_path / "a"), {"key": "value"}, lambda: answer(b"x"))
    assert told["metadata"] == {"key": "value"}
    assert kept == {METADATA + "key": b"value"}

    def refuse(*arguments: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(Refused, match="metadata cannot be kept here: operation not supported"):
        transfers.put(str(tmp_path / "b"), {"key": "value"}, lambda: answer(b"x"))
    assert not (tmp_path / "b").exists()
