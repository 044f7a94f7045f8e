"""The files in the body of an upload: the body itself, or the parts of a form."""

import contextlib
import re
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Final

from aiohttp import BodyPartReader, MultipartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from interpreterd.http.uploads import Patience, body_pieces, permit
from interpreterd.model.errors import MalformedRequest, UnsupportedEncoding

FORM_FILES_LIMIT: Final = 1000
FORM_PIECE_BYTES: Final = 64 << 10
_PARAMETER: Final = re.compile(r';\s*([\w*-]+)\s*=\s*(?:("(?:[^"\\]|\\.)*")|([^;"]*))', re.ASCII)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
FORM: Final = "multipart/form-data"


async def parts_of(request: web.Request) -> AsyncGenerator[tuple[str, AsyncIterator[bytes]]]:
    """Yield the path of each file, and its content piece by piece; to be read before the next one.

    Raises:
        MalformedRequest: Also while the content is read.
    """
    path = request.query.get("path", "")
    if request.content_type != FORM:
        if not path:
            raise MalformedRequest("path must be given, as a part of the query")
        yield path, _decoded(request)
        return
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() != "identity":
        raise UnsupportedEncoding
    await permit(request)
    patience = Patience(request)
    count = 0
    with _readable():
        async with contextlib.aclosing(_files(request, patience)) as files:
            async for part in files:
                count += 1
                name = path or _parameter(part, "filename")
                if count > FORM_FILES_LIMIT:
                    raise MalformedRequest(f"the form must have at most {FORM_FILES_LIMIT} files")
                if not name:
                    raise MalformedRequest("each file of the form must have a file name, or path must be given")
                yield name, _pieces(part, patience)


async def _decoded(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the body, which may be compressed."""
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower()
    if encoding == "identity":
        async for piece in body_pieces(request):
            yield piece
        return
    if encoding != "gzip":
        raise MalformedRequest("Content-Encoding must be gzip or identity")
    unzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        async for piece in body_pieces(request):
            left = piece
            while left and not unzip.eof:
                yield unzip.decompress(left, FORM_PIECE_BYTES)
                left = unzip.unconsumed_tail
        yield unzip.flush()
    except zlib.error as error:
        raise MalformedRequest(f"the body must be gzip, as Content-Encoding says: {error}") from None
    if not unzip.eof:
        raise MalformedRequest("the body must be gzip, and it ends too early")


async def _files(request: web.Request, patience: Patience) -> AsyncGenerator[BodyPartReader]:
    """Yield the parts of a form that are files."""
    reader = MultipartReader(request.headers, request.content)
    while (part := await _next(reader, patience)) is not None:
        if _parameter(part, "name") == "file":
            yield part


def _parameter(part: BodyPartReader, name: str) -> str:
    """Return a parameter of ``Content-Disposition``, empty if it is absent: aiohttp takes slashes off a file name.

    Browsers and SDKs write quotes and line ends as https://html.spec.whatwg.org/multipage/form-control-infrastructure.html
    says, section 4.10.21.8.
    """
    header = part.headers.get(hdrs.CONTENT_DISPOSITION, "")
    for key, quoted, plain in _PARAMETER.findall(header):
        if key.lower() == name:
            value = _ESCAPED.sub(r"\1", quoted[1:-1]) if quoted else plain.strip()
            return value.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
    return ""


async def _next(reader: MultipartReader, patience: Patience) -> BodyPartReader | None:
    """Return the next part of the form, None at its end."""
    found: list[BodyPartReader] = []

    async def receive() -> bytes:
        part = await reader.next()
        if isinstance(part, MultipartReader):
            raise MalformedRequest("a part of the form must not be a form itself")
        found.extend([part] if part is not None else [])
        return b""

    await patience.receive(receive())
    return found[0] if found else None


async def _pieces(part: BodyPartReader, patience: Patience) -> AsyncIterator[bytes]:
    with _readable():
        while not part.at_eof():
            if piece := await patience.receive(part.read_chunk(FORM_PIECE_BYTES)):
                yield bytes(piece)


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Raise what aiohttp says of a damaged form as ``MalformedRequest``."""
    try:
        yield
    except (ValueError, LookupError, RuntimeError, AssertionError, HttpProcessingError) as error:
        raise MalformedRequest(f"the form cannot be read: {error}") from None
