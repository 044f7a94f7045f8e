"""The display pipe, without I/O: its bytes to bundles of output data.

A bundle is a series of records, each with a prefix of eight characters: its kind, and the length of the rest as seven
hex digits. All is UTF-8, so that the marks of ``turns.py`` can be found::

    H0000123 {"kind": "display", "sizes": {"text/plain": 5, "image/png": 80000}, …} newline, the first data
    D0010000 more data, until there is as much as the sizes say
    X0000504 the bundle is given up

``H`` begins a bundle; if the one before it is incomplete, its writer was interrupted or has died, and it is dropped.
Records are padded to ``LEAST_RECORD_BYTES``, which bounds how many can come at once. The worker is untrusted: the first
bytes that are not of this form break the protocol.
"""

import codecs
import re
from typing import Any, Final

import orjson
from attrs import field, frozen

from interpreterd.model.displays import ENCODED_LIMIT_BYTES, Data, Json, is_json, weight
from interpreterd.model.errors import ProtocolError
from interpreterd.model.events import Event
from interpreterd.pipe import heads

PREFIX_BYTES: Final = 8
LEAST_RECORD_BYTES: Final = 512  # a flood of bundles costs the daemon little more than a flood of text
RECORD_LIMIT_BYTES: Final = 64 << 10
HEADER_LIMIT_BYTES: Final = 48 << 10
TYPES_LIMIT: Final = 64
NAME_LIMIT_CHARS: Final = 1000
# Of a JSON value: the time and memory of reading it depend on its elements; see ``weight`` in ``worker/publisher.py``.
WEIGHT_LIMIT: Final = 1 << 20
_PREFIX: Final = re.compile(rb"[HDX][0-9a-f]{7}")
_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
_KINDS: Final = frozenset({"result", "display", "update", "clear"}) | heads.KINDS


@frozen(kw_only=True)
class Bundle:
    """What the worker has published.

    Attributes:
        kind: ``result``, ``display``, ``update`` or ``clear``, or one of ``heads``.
        metadata: A JSON object, or None for an empty one.
        wait: For ``clear``: whether the output stays until the next comes.
        page: For ``display``: see there.
        event: What a kind of ``heads`` is.
    """

    kind: str
    data: Data = field(factory=dict, repr=lambda data: f"<{', '.join(data)}>")
    metadata: Json | None = None
    display_id: str | None = None
    wait: bool = False
    page: bool = False
    event: Event | None = None


@frozen
class _Header:
    kind: str
    sizes: dict[str, int]
    metadata: Json | None
    display_id: str | None
    wait: bool
    page: bool
    complete: heads.Complete | None


class BundleDecoder:
    """Cuts the display pipe's bytes into bundles. After a ``ProtocolError`` it is unusable: replace the worker."""

    def __init__(self) -> None:
        self._unread = bytearray()  # less than a record
        self._header: _Header | None = None
        self._body = bytearray()
        self._missing_bytes = 0
        self._failure: ProtocolError | None = None

    @property
    def incomplete(self) -> bool:
        """Whether more data of a bundle must come."""
        return self._header is not None

    def feed(self, data: bytes) -> list[Bundle]:
        """Return the bundles that ``data`` completes; keep the rest for the next call.

        Raises:
            ProtocolError: Bundles that come before what is wrong are returned, and the next call raises.
        """
        if self._failure is not None:
            raise self._failure
        self._unread += data
        bundles: list[Bundle] = []
        try:
            self._read(bundles)
        except ProtocolError as error:
            self._failure = error
            self._drop()
            if not bundles:
                raise
        return bundles

    def _read(self, bundles: list[Bundle]) -> None:
        """Add complete bundles to ``bundles``."""
        start = 0
        with memoryview(self._unread) as unread:
            while (rest := len(unread) - start) >= PREFIX_BYTES:
                kind, size = _prefix(bytes(unread[start : start + PREFIX_BYTES]))
                if rest < PREFIX_BYTES + size:
                    break
                start += PREFIX_BYTES
                with unread[start : start + size] as payload:
                    self._take(kind, payload)
                start += size
                if self._header is not None and not self._missing_bytes:
                    bundles.append(self._bundle(self._header))
                    self._drop()
        del self._unread[:start]

    def _drop(self) -> None:
        """Forget the bundle; if it is incomplete, the rest of its data is ignored."""
        self._header = None
        self._body = bytearray()
        self._missing_bytes = 0

    def _take(self, kind: bytes, payload: memoryview) -> None:
        if kind != b"D":
            self._drop()
        if kind == b"H":
            line, newline, data = bytes(payload).partition(b"\n")
            if not newline or len(line) > max(HEADER_LIMIT_BYTES, LEAST_RECORD_BYTES):
                raise ProtocolError("a bundle without a header")
            self._header = _parse_header(line)
            self._missing_bytes = sum(self._header.sizes.values())
            self._body += data[: self._missing_bytes]
        elif self._header is not None:
            self._body += payload[: self._missing_bytes]
        else:
            return
        self._missing_bytes = sum(self._header.sizes.values()) - len(self._body)

    def _bundle(self, header: _Header) -> Bundle:
        data: dict[str, str | Json] = {}
        start = 0
        with memoryview(self._body) as body:
            for mime, size in header.sizes.items():
                with body[start : start + size] as part:
                    data[mime] = _checked_json(mime, bytes(part)) if is_json(mime) else _text(part)
                start += size
        return Bundle(
            kind=header.kind,
            data=data,
            metadata=header.metadata,
            display_id=header.display_id,
            wait=header.wait,
            page=header.page,
            event=None if header.complete is None else header.complete(data, header.metadata),
        )


def _prefix(prefix: bytes) -> tuple[bytes, int]:
    if _PREFIX.fullmatch(prefix) is None:
        raise ProtocolError("not a record of output data")
    kind, size = prefix[:1], int(prefix[1:], 16)
    if not LEAST_RECORD_BYTES <= PREFIX_BYTES + size <= RECORD_LIMIT_BYTES:
        raise ProtocolError(f"a record of output data has {size} bytes")
    return kind, size


def _parse_header(line: bytes) -> _Header:
    try:
        header = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(f"the header of output data is not JSON: {error}") from None
    if not isinstance(header, dict) or not isinstance(header.get("kind"), str) or header["kind"] not in _KINDS:
        raise ProtocolError("the header of output data has no known kind")
    kind, sizes, display_id = header["kind"], header.get("sizes", {}), header.get("displayId")
    if not isinstance(sizes, dict) or not all(type(size) is int and size >= 0 for size in sizes.values()):
        raise ProtocolError("the sizes of output data must be numbers")
    if len(sizes) > TYPES_LIMIT or any(len(mime) > NAME_LIMIT_CHARS for mime in sizes):
        raise ProtocolError("output data has too many MIME types, or too long ones")
    if sum(sizes.values()) > ENCODED_LIMIT_BYTES:
        raise ProtocolError(f"output data is larger than {ENCODED_LIMIT_BYTES} bytes")
    if display_id is not None and not (isinstance(display_id, str) and len(display_id) <= NAME_LIMIT_CHARS):
        raise ProtocolError("displayId must be a string that is not too long")
    if kind == "update" and display_id is None:
        raise ProtocolError("an update of output data needs a displayId")
    return _Header(
        kind=kind,
        sizes=sizes,
        metadata=_metadata(header),
        display_id=display_id,
        wait=header.get("wait") is True,
        page=header.get("page") is True,
        complete=heads.parse_head(header),
    )


def _metadata(header: dict[str, Any]) -> Json | None:
    metadata = header.get("metadata")
    if not metadata:
        return None
    if not isinstance(metadata, dict):
        raise ProtocolError("metadata of output data must be an object")
    try:
        return Json(orjson.dumps(metadata).decode())
    except orjson.JSONEncodeError as error:  # too deep
        raise ProtocolError(f"metadata of output data: {error}") from None


def _checked_json(mime: str, data: bytes) -> Json:
    if weight(data) > WEIGHT_LIMIT:
        raise ProtocolError(f"the value of {mime:.100} has too many elements")
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(f"the value of {mime:.100} is not JSON: {error}") from None
    # Line ends in JSON are only space, but events are lines.
    return Json(data.translate(_ONE_LINE).decode())


def _text(part: memoryview) -> str:
    text, _ = codecs.utf_8_decode(part, "replace", True)
    return text
