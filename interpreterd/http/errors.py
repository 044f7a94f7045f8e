"""How errors become answers: in the form of the route's dialect, and never as a traceback or an empty body.

An error before there is a route, or without one, has the form of the application's first dialect.
"""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web
from attrs import frozen

from interpreterd.http.request_ids import Handler as Handler
from interpreterd.http.request_ids import begin, count_answer, traced
from interpreterd.model.access_errors import TooManyAttempts, Unauthorized
from interpreterd.model.errors import InterpreterError, LimitReached
from interpreterd.model.names import JSON
from interpreterd.monitoring.happenings import tell_http_refusal, tell_refusal
from interpreterd.monitoring.tracers import TRACERS

RETRY_SOON: Final[Mapping[str, str]] = {"Retry-After": "1"}
"""The headers of an answer that will be another one in a moment: RFC 9110, section 10.2.3."""
CHALLENGE: Final = 'Bearer realm="interpreterd"'
_log = logging.getLogger(__name__)


@frozen
class HttpError:
    """An error of HTTP itself, in any dialect: no such route, an invalid request, a mistake in the daemon.

    Attributes:
        code: Stable, in lower case, as those of ``InterpreterError``.
        text: A sentence without a full stop, fit for a client.
    """

    status: int
    code: str
    text: str


LATE_HEAD: Final = HttpError(408, "request_timeout", "The head of the request did not come in time")
INTERNAL: Final = HttpError(500, "internal_error", "Internal error; the daemon's log says more")


@frozen
class ErrorAnswer:
    """A dialect's answer to an error."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    content_type: str = JSON

    def response(self, headers: Mapping[str, str] | None = None) -> web.Response:
        """Return the answer as a response, with more ``headers``."""
        return web.Response(
            body=self.body,
            status=self.status,
            headers={**self.headers, **(headers or {})},
            content_type=self.content_type,
        )

    def encoded(self) -> bytes:
        """Return the answer as the last bytes of a connection that aiohttp does not answer."""
        return (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
            f"Content-Type: {self.content_type}; charset=utf-8\r\n"
            f"Connection: close\r\nContent-Length: {len(self.body)}\r\n\r\n"
        ).encode() + self.body


Show = Callable[[InterpreterError | HttpError], ErrorAnswer]
SHOW: web.AppKey[Show] = web.AppKey("SHOW")
"""The form of what has no route."""
SHOWS: web.AppKey[dict[object, Show]] = web.AppKey("SHOWS", dict)
"""The form of each route, by its handler."""


def of_status(status: int, text: str) -> HttpError:
    """Return an error whose code is the name of its status; a status may have no name."""
    try:
        code = HTTPStatus(status).name.lower()
    except ValueError:
        code = f"http_{status}"
    return HttpError(status, code, text)


@web.middleware
async def show_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into an answer. The first middleware of all: it names and counts requests, too."""
    begin(request)
    try:
        if TRACERS.now is None:
            response = await handler(request)
        else:
            response = await traced(TRACERS.now, request, handler)
    except InterpreterError as error:
        tell_refusal(error)
        response = _form(request)(error).response(headers_of(error))
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        response = await _http_refusal(request, error)
    except ConnectionError:  # the client disconnected; aiohttp handles that
        raise
    except Exception:
        _log.exception("%s %s failed", request.method, request.path)
        tell_http_refusal(INTERNAL.code)
        response = _form(request)(INTERNAL).response()
    count_answer(request, response.status)
    return response


async def _http_refusal(request: web.Request, error: web.HTTPException) -> web.Response:
    refusal = of_status(error.status, f"{error.reason}: {request.method} {request.path}")
    tell_http_refusal(refusal.code)
    headers = {str(hdrs.ALLOW): error.headers[hdrs.ALLOW]} if hdrs.ALLOW in error.headers else {}
    form = _form(request) if error.status != HTTPStatus.METHOD_NOT_ALLOWED else await _form_of_path(request)
    return form(refusal).response(headers)


def headers_of(error: InterpreterError) -> Mapping[str, str]:
    """Return the headers that an answer to ``error`` has in every dialect, besides the dialect's own."""
    if isinstance(error, TooManyAttempts | LimitReached) and error.retry_after_s > 1:
        return {str(hdrs.RETRY_AFTER): str(error.retry_after_s)}
    if isinstance(error, Unauthorized):
        return {str(hdrs.WWW_AUTHENTICATE): CHALLENGE}  # RFC 6750, section 3
    return {}


def _form(request: web.Request) -> Show:
    app = request.app
    return app[SHOWS].get(request.match_info.handler, app[SHOW])


async def _form_of_path(request: web.Request) -> Show:
    """Return the form of errors of the routes at the path of ``request``; none of them has its method."""
    if request.match_info.handler in request.app[SHOWS]:  # it refuses methods for its path
        return _form(request)
    for resource in request.app.router.resources():
        _, methods = await resource.resolve(request)
        if methods:
            shows = (request.app[SHOWS].get(route.handler) for route in resource)
            return next((show for show in shows if show is not None), request.app[SHOW])
    return request.app[SHOW]
