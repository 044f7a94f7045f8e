"""HTTP with one daemon: its URL, its connections, and the exceptions for what goes wrong with either."""

import asyncio
import contextlib
import os
import socket
import ssl
import weakref
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final, Literal
from urllib.parse import quote, urlsplit

import aiohttp
import orjson
from yarl import URL

from interpreterd.client.errors import NOTHING, REFUSALS, ConnectionFailed, ConnectionLost, Refused, UnexpectedAnswer
from interpreterd.model.names import JSON, NATIVE_PATH

DEFAULT_URL: Final = "http://127.0.0.1:3987"
CONNECT_TIMEOUT_S: Final = 10.0
REQUEST_TIMEOUT_S: Final = 60.0  # a worker's start is the longest that an answer waits for
READ_BUFFER_BYTES: Final = 256 << 10
# So a machine that is gone without a word is noticed within a minute; tcp(7).
PROBES: Final = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))


class Link:
    """Sends requests to one daemon, any number at the same time. Each has a connection, which later ones use again.

    It belongs to the event loop on which it is used first.
    """

    def __init__(self, url: str, headers: Mapping[str, str], tls: ssl.SSLContext | None = None) -> None:
        """Prepare requests with ``headers`` to the daemon at ``url``: ``http://…``, ``https://…`` or ``unix:PATH``.

        ``tls`` is for ``https``; None trusts the system's authorities, and those of SSL_CERT_FILE.

        Raises:
            ValueError: ``url`` has another form.
        """
        self.url = url
        self._headers = dict(headers)
        self._tls = tls
        self._path = "/" + url.removeprefix("unix:").lstrip("/") if url.startswith("unix:/") else None
        if self._path is None and not _is_http(url):
            raise ValueError(f"the daemon's url must be http://HOST:PORT or unix:/PATH, not {url!r}")
        self._base = (url.rstrip("/") if self._path is None else "http://localhost") + NATIVE_PATH
        self._session: aiohttp.ClientSession | None = None
        self._responses: weakref.WeakSet[aiohttp.ClientResponse] = weakref.WeakSet()
        self._closed = False

    async def request(
        self, method: str, path: str, body: bytes | None = None, *, waits: bool = False
    ) -> dict[str, Any]:
        """Return the answer's JSON object. ``path`` is below the native API's, and quoted; ``body`` is JSON.

        If it ``waits``, it has no limit of time, but the daemon's machine must go on to give signs of life.

        Raises:
            ClientError: The daemon refuses, does not answer, or something else answers.
        """
        try:
            async with asyncio.timeout(None if waits else REQUEST_TIMEOUT_S):
                response = await self.open(method, path, body)
                with self.translated():
                    async with response:
                        data = await response.read()
        except TimeoutError:
            raise ConnectionLost(f"no answer from {self.url} within {REQUEST_TIMEOUT_S:g} s") from None
        answer = _json_object(data)
        if answer is None:
            raise self._unexpected(response)
        return answer

    async def request_all(self, path: str, name: str) -> list[dict[str, Any]]:
        """Return all items of a listing, with as many requests as it takes; each answer has some at ``name``."""
        items: list[dict[str, Any]] = []
        more = ""
        while True:
            answer = await self.request("GET", path + more)
            items += answer[name]
            if answer.get("next") is None:
                return items
            more = f"{'&' if '?' in path else '?'}after={quote(answer['next'], safe='')}"

    async def open(
        self, method: str, path: str, body: bytes | IO[bytes] | None = None, accept: str = JSON, kind: str = JSON
    ) -> aiohttp.ClientResponse:
        """Return the answer once its head has come; refusals are raised. The caller reads the body, or closes it.

        ``kind`` is the media type of ``body``, ``accept`` that of the answer, or ``*/*``.
        """
        session = self._open_session()
        await asyncio.sleep(0)  # a loop that was busy learns now which kept connections have ended
        with self.translated():
            response = await session.request(
                method,
                URL(self._base + path, encoded=True),
                data=body,
                headers={"Accept": accept, "Content-Type": kind},
                allow_redirects=False,
            )
            self._responses.add(response)
            if response.status < 300 and accept in (response.content_type, "*/*"):
                return response
            async with response:
                raise self._refusal(response, _json_object(await response.read()))

    async def web_socket(
        self, path: str, message_limit_bytes: int, heartbeat_s: float
    ) -> "aiohttp.ClientWebSocketResponse[Literal[False]]":
        """Open a WebSocket, whose text messages come as bytes."""
        session = self._open_session()
        with self.translated():
            return await session.ws_connect(
                URL(self._base + path, encoded=True),
                heartbeat=heartbeat_s,
                max_msg_size=message_limit_bytes,
                decode_text=False,
            )

    async def close(self) -> None:
        """End all connections."""
        self._closed = True
        for response in self._responses:
            response.close()
        if self._session is not None:
            await self._session.close()

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn exceptions of aiohttp into those of ``errors``."""
        try:
            yield
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise self._failed(error) from None
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError) as error:
            raise ConnectionLost(f"the connection to {self.url} has ended: {error!r}") from error
        except aiohttp.ClientError as error:
            raise UnexpectedAnswer(f"the answer of {self.url} is not from interpreterd: {error}", 0) from error

    def _open_session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise RuntimeError("the client is closed")
        if self._session is None:
            connector = (
                aiohttp.TCPConnector(limit=0, socket_factory=_make_socket, ssl=self._tls or True)
                if self._path is None
                else aiohttp.UnixConnector(self._path, limit=0)
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
                read_bufsize=READ_BUFFER_BYTES,
            )
        return self._session

    def _refusal(self, response: aiohttp.ClientResponse, answer: dict[str, Any] | None) -> Exception:
        match answer:
            case {"error": str(text), "code": str(code)}:
                seconds = response.headers.get("Retry-After", "")
                retry_after_s = float(seconds) if seconds.isdecimal() else None
                return refused_as(text, code, response.status, retry_after_s, answer or NOTHING)
            case _:
                return self._unexpected(response)

    def _unexpected(self, response: aiohttp.ClientResponse) -> UnexpectedAnswer:
        what = f"{response.status} {response.reason or ''}".strip()
        return UnexpectedAnswer(f"the answer of {self.url} is not from interpreterd: {what}", response.status)

    def _failed(self, error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) -> ConnectionFailed:
        if isinstance(error, aiohttp.ClientConnectorError):
            cause = getattr(error, "certificate_error", None) or error.os_error
            number = cause.errno or 0  # negative: one of getaddrinfo(3)
            is_plain = number > 0 and not isinstance(cause, ssl.SSLError)
            reason = os.strerror(number) if is_plain else cause.strerror or str(error)
        else:
            reason = "no answer in time"
        if self._path is not None:
            start = f" --unix-socket {self._path}"
        else:
            port = urlsplit(self.url).port
            start = "" if self.url == DEFAULT_URL else f" --port {port}" if port else ""
        return ConnectionFailed(f"no daemon answers at {self.url} ({reason})", f"interpreterd serve{start}")


def refused_as(
    text: str, code: str, status: int, retry_after_s: float | None = None, answer: Mapping[str, Any] = NOTHING
) -> Refused:
    """Return the exception for a refusal of the daemon's, whose JSON is ``answer``."""
    return REFUSALS.get(code, Refused)(text, code, status, retry_after_s, answer)


def _is_http(url: str) -> bool:
    try:
        url.encode()
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _json_object(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _make_socket(info: Any) -> socket.socket:
    sock = socket.socket(*info[:3])
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in PROBES:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    return sock
