"""``mcp.context_files``: files of a context, as a model reads and writes them."""

import base64
import os
from pathlib import Path

import pytest
from tooling import Tools, kinds_of, structured, told

from interpreterd.mcp.answers import LinkBlock, Unusable
from interpreterd.mcp.gathering import Shape

PNG = base64.b64decode("iVBORw0KGgo=")


@pytest.fixture
async def context(tools: Tools, tmp_path: Path) -> str:
    """Return a context in a directory of the test's."""
    return str(structured(await tools("contexts", new={"cwd": str(tmp_path)}))["contexts"][0]["context"])


async def test_files_are_written_listed_and_read(tools: Tools, context: str, tmp_path: Path) -> None:
    assert told(await tools("files", action="list", context=context)) == "(no files)"
    wrote = await tools("files", action="write", path="d/a.csv", text="n\n1\n", context=context)
    assert told(wrote) == "wrote d/a.csv (4 bytes)"
    assert (tmp_path / "d/a.csv").read_text() == "n\n1\n"
    await tools("files", action="write", path="p.png", base64=base64.b64encode(PNG).decode(), context=context)
    listed = await tools("files", action="list", context=context)
    assert told(listed) == "d/\np.png (8 bytes)"
    assert structured(listed)["files"][1] == {"path": "p.png", "type": "file", "size": 8}
    assert told(await tools("files", action="list", glob="**/*.csv", context=context)) == "d/a.csv (4 bytes)"
    assert told(await tools("files", action="read", path="d/a.csv", context=context)) == "n\n1\n"
    assert kinds_of(await tools("files", action="read", path="p.png", context=context)) == ["TextBlock", "PictureBlock"]


async def test_a_long_text_is_read_in_pages(url: str, tmp_path: Path) -> None:
    tools = Tools.at(url, shape=Shape(output_chars=10), cwd=str(tmp_path))
    (tmp_path / "a").write_text("0123456789abcdef")
    assert told(await tools("files", action="read", path="a")) == (
        "0123456789\n[… 6 characters follow: read on with offset 10 …]"
    )
    assert told(await tools("files", action="read", path="a", offset=10)) == "abcdef"
    await tools.daemon.close()


async def test_what_is_not_text_is_a_link_that_can_be_read(tools: Tools, context: str, tmp_path: Path) -> None:
    (tmp_path / "a b.bin").write_bytes(b"\xff\x00")
    answer = await tools("files", action="read", path="a b.bin", context=context)
    link = answer.content[1]
    assert isinstance(link, LinkBlock)
    assert link.uri == f"interpreterd://contexts/{context}/files/a%20b.bin"
    read = await tools.toolbox.read(link.uri, tools.caller)
    assert read is not None
    assert (read.mime, base64.b64decode(read.base64 or "")) == ("application/octet-stream", b"\xff\x00")
    with pytest.raises(Unusable, match="there is no file none"):
        await tools.toolbox.read(f"interpreterd://contexts/{context}/files/none", tools.caller)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"action": "read", "path": "none"}, "there is no file none in the context's directory"),
        ({"action": "read", "path": "d"}, "d is no file; its type is directory"),
        ({"action": "read", "path": "fifo"}, "fifo is no file; its type is other"),
        ({"action": "read", "path": "link"}, "link is a symbolic link"),
        ({"action": "read", "path": "huge"}, "huge has 16,777,217 bytes; read a part of it by code"),
        ({"action": "read"}, "files needs the argument path"),
        ({"action": "write", "path": "x"}, "files with action write needs the argument text or base64"),
        ({"action": "write", "path": "x", "text": "", "base64": ""}, "files with action write needs the argument text"),
        ({"action": "write", "path": "x", "base64": "?"}, "base64 must be base64"),
        ({"action": "write", "path": "x", "text": "\ud800"}, "text must be Unicode"),
        ({"action": "write", "path": "../x", "text": "x"}, "path must"),
        ({"action": "write", "path": "/x", "text": "x"}, "path must"),
    ],
    ids=str,
)
async def test_what_cannot_be_done_is_one_sentence(
    tools: Tools, context: str, tmp_path: Path, arguments: dict[str, str], said: str
) -> None:
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", (16 << 20) + 1)
    answer = await tools("files", **arguments, context=context)
    assert (answer.is_error, told(answer)[: len(said)]) == (True, said)
    assert not (tmp_path.parent / "x").exists()
