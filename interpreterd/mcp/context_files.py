"""The files of a context, for a model: text in pages, pictures as pictures, all else as a link."""

import base64
import binascii
import mimetypes
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

from interpreterd.client import AsyncContext, FileEntry
from interpreterd.mcp.answers import LinkBlock, PictureBlock, Readable, TextBlock, ToolAnswer, Unusable, plural
from interpreterd.mcp.arguments import Arguments
from interpreterd.mcp.gathering import PICTURES, Shape
from interpreterd.mcp.kept import SCHEME

LISTED_FILES: Final = 500
READ_LIMIT_BYTES: Final = 16 << 20  # of a file that is read at once
HUGE_OFFSET: Final = 1 << 40


class FileTool:
    """What the tool ``files`` does."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    async def use(self, arguments: Arguments, context: AsyncContext) -> ToolAnswer:
        """Do the action that the call names."""
        match arguments.choice("action", ["list", "read", "write"]):
            case "list":
                return await self._list(arguments, context)
            case "read":
                return await self._read(arguments, context)
            case _:
                return await self._write(arguments, context)

    async def resource(self, context: AsyncContext, path: str) -> Readable:
        """Return a file, whose path is quoted, as a resource."""
        name = unquote(path)
        data = await _content(context, await _entry(context, name))
        mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if (text := _text(data)) is not None:
            return Readable(mime if mime.startswith("text/") else "text/plain", text=text)
        return Readable(mime, base64=base64.b64encode(data).decode())

    async def _list(self, arguments: Arguments, context: AsyncContext) -> ToolAnswer:
        entries = await context.files(arguments.optional_text("glob") or "*")
        lines = [_line(entry) for entry in entries[:LISTED_FILES]]
        if len(entries) > LISTED_FILES:
            lines.append(f"[{len(entries) - LISTED_FILES} more: choose by `glob`]")
        return _answer(context, entries[:LISTED_FILES], "\n".join(lines) or "(no files)")

    async def _read(self, arguments: Arguments, context: AsyncContext) -> ToolAnswer:
        path = arguments.text("path")
        offset = arguments.whole("offset", default=0, least=0, most=HUGE_OFFSET) or 0
        entry = await _entry(context, path)
        uri = f"{SCHEME}contexts/{context.id}/files/{quote(path, safe='')}"
        mime = entry.mime_type or "application/octet-stream"
        link = LinkBlock(uri=uri, name=path.rpartition("/")[2], mime=mime, size_bytes=entry.size or 0)
        if mime in PICTURES and (entry.size or 0) <= self._shape.image_bytes:
            data = await _content(context, entry)
            answer = _answer(context, [entry], _line(entry))
            picture = PictureBlock(mime, base64.b64encode(data).decode())
            return ToolAnswer(content=[*answer.content, picture], structured=answer.structured)
        text = None if mime in PICTURES else _text(await _content(context, entry))
        if text is None:
            answer = _answer(context, [entry], f"{_line(entry)}: not text; it is the resource {uri}")
            return ToolAnswer(content=[*answer.content, link], structured=answer.structured)
        end = offset + self._shape.output_chars
        shown = text[offset:end]
        if end < len(text):
            shown += f"\n[… {len(text) - end:,} characters follow: read on with offset {end} …]"
        return _answer(context, [entry], shown or "(empty)")

    async def _write(self, arguments: Arguments, context: AsyncContext) -> ToolAnswer:
        path = arguments.text("path")
        text, encoded = arguments.optional_text("text"), arguments.optional_text("base64")
        if (text is None) == (encoded is None):
            raise Unusable("files with action write needs the argument text or base64, and not both")
        try:
            data = base64.b64decode(encoded, validate=True) if encoded is not None else (text or "").encode()
        except UnicodeEncodeError:
            raise Unusable("text must be Unicode, without half of a surrogate pair; base64 can be any bytes") from None
        except (binascii.Error, ValueError):
            raise Unusable("base64 must be base64, without line breaks") from None
        entry = await context.upload(data, path)
        return _answer(context, [entry], f"wrote {_line(entry)}")


async def _entry(context: AsyncContext, path: str) -> FileEntry:
    """Return the file at ``path``. Raises ``Unusable`` if that is none that can be read at once."""
    literal = "".join(f"[{character}]" if character in "*?[" else character for character in path)
    found = [entry for entry in await context.files(literal) if entry.path == path]
    if not found:
        raise Unusable(f"there is no file {path[:200]} in the context's directory {context.cwd}")
    (entry,) = found
    if entry.kind == "symlink":
        raise Unusable(f"{path[:200]} is a symbolic link: name the file that it leads to, or read it by code")
    if entry.kind != "file":
        raise Unusable(f"{path[:200]} is no file; its type is {entry.kind}")
    if (entry.size or 0) > READ_LIMIT_BYTES:
        raise Unusable(f"{path[:200]} has {entry.size:,} bytes; read a part of it by code")
    return entry


async def _content(context: AsyncContext, entry: FileEntry) -> bytes:
    return await context.download(entry.path)


def _text(data: bytes) -> str | None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _line(entry: FileEntry) -> str:
    if entry.kind == "file":
        return f"{entry.path} ({plural(entry.size or 0, 'byte')})"
    return f"{entry.path}/" if entry.kind == "directory" else f"{entry.path} ({entry.kind})"


def _answer(context: AsyncContext, entries: Sequence[FileEntry], text: str) -> ToolAnswer:
    files: list[dict[str, Any]] = [{"path": it.path, "type": it.kind, "size": it.size} for it in entries]
    return ToolAnswer(content=[TextBlock(text)], structured={"context": context.id, "files": files})
