"""The audit log: who ran what, when, and how it ended; written by a thread of its own.

An execution has a line when it has ended, and one before that if it takes longer than the thread to write it.

At most ``WAITING_LIMIT`` entries, and ``CODE_LIMIT_CHARS`` of code, wait for the thread. While the file cannot be
written, entries wait, and the thread tries again every second. With ``refuse``, no new work begins meanwhile: what runs
ends, and its end is written when there is room. Entries beyond the bound are lost; a line says how many.
"""

import contextlib
import functools
import logging
import os
import threading
import time
from collections import deque
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any, Final

from interpreterd import __version__
from interpreterd.model.access_errors import AuditUnavailable
from interpreterd.model.happenings import Happening, NotedExecution
from interpreterd.model.identity import CURRENT, NOBODY_ASKED, Identity
from interpreterd.model.requests import Execute
from interpreterd.monitoring.audit_file import AuditFile, last_hash
from interpreterd.monitoring.counts import COUNTS

WAITING_LIMIT: Final = 20_000
CODE_LIMIT_CHARS: Final = 64 << 20
GATHER_S: Final = 0.05  # entries of so many seconds are written at once: waking the thread costs more than an entry
TRY_AGAIN_AFTER_S: Final = 1.0
END_WITHIN_S: Final = 2.0
LINES_AT_ONCE: Final = 1000
SUBMITTED: Final = "execution.submitted"
ENDED: Final = "execution.ended"
_log = logging.getLogger(__name__)
_Entry = tuple[str, NotedExecution | Happening, Identity | None, str | None]  # its name, for whom, and the code


class AuditLog:
    """A sink of ``Happenings``."""

    def __init__(self, path: str, *, keeps_code: bool = False, refuses: bool = True, takes_over: bool = False) -> None:
        """Append to the file at ``path``.

        A daemon that ``takes_over`` from another one writes to a file beside it until the other one has ended: its own
        pid is added to the name.

        Raises:
            OSError: It cannot be opened, or another daemon writes to it.
        """
        self._path = path
        self._keeps_code = keeps_code
        self._refuses = refuses
        self._is_aside = False
        try:
            self._file = AuditFile(path)
        except BlockingIOError:
            if not takes_over:
                raise
            self._file = AuditFile(f"{path}.{os.getpid()}", after=last_hash(path))
            self._is_aside = True
        self._file.begin(self._about())
        self._file.write()
        COUNTS.audit_lines += 1
        self._waiting: deque[_Entry] = deque()
        # Of code that was ever put, and taken out: each is changed by one thread.
        self._chars_in = self._chars_out = 0
        self._asked: dict[str, tuple[Identity, str | None]] = {}  # of executions whose end has not been written
        self._lost = 0
        self._failure: str | None = None
        self._sleeps = True
        self._ends = False
        self._reopens = False
        self._wake: SimpleQueue[None] = SimpleQueue()  # with one of its own: ``threading.Event`` may wait for a lock
        self._thread = threading.Thread(target=self._write_on, name="audit", daemon=True)
        self._thread.start()

    # On the loop's thread

    def check(self) -> None:
        """Raise ``AuditUnavailable`` if new work would not be written down; for ``Happenings``."""
        if self._refuses and (self._failure is not None or not self._has_room(0)):
            raise AuditUnavailable

    def submitted(self, run: NotedExecution, request: Execute) -> None:
        """See ``Sink``. So do the other methods. They are on the way of every execution: the thread does the work."""
        code = request.code if self._keeps_code else None
        self._put((SUBMITTED, run, CURRENT.get(), code), 0 if code is None else len(code))

    def begun(self, run: NotedExecution) -> None:
        pass

    def ended(self, run: NotedExecution) -> None:
        self._put((ENDED, run, None, None))

    def happened(self, happening: Happening) -> None:
        self._put((happening.name, happening, None if happening.caller is None else CURRENT.get(), None))

    def reopen(self) -> None:
        """Go on in the file that is now at the path: the thread opens it, after what waits has been written."""
        self._reopens = True
        self._wake.put(None)

    def close(self) -> None:
        """Write what waits, within ``END_WITHIN_S``, and end; not on a loop's thread. Repeating it changes nothing."""
        self._ends = True
        self._wake.put(None)
        self._thread.join(END_WITHIN_S)
        if self._thread.is_alive() or self._waiting:
            _log.error("the audit log has not been written to its end")

    def _has_room(self, code_chars: int) -> bool:
        return len(self._waiting) < WAITING_LIMIT and self._chars_in - self._chars_out + code_chars <= CODE_LIMIT_CHARS

    def _put(self, entry: _Entry, code_chars: int = 0) -> None:
        if not self._has_room(code_chars):
            self._lost += 1
            COUNTS.audit_lost += 1
            return
        self._chars_in += code_chars
        self._waiting.append(entry)
        if self._sleeps:
            self._sleeps = False
            self._wake.put(None)

    # On its own thread

    def _write_on(self) -> None:
        while True:
            with contextlib.suppress(Empty):
                self._wake.get(timeout=TRY_AGAIN_AFTER_S if self._failure is not None or self._is_aside else None)
            if not self._ends:
                time.sleep(GATHER_S)
            self._sleeps = True  # what comes from now on wakes it again
            self._write_all()
            if (self._reopens or self._is_aside) and self._failure is None:
                self._open_again()
                self._reopens = False
            if self._ends:
                break
        self._file.close()

    def _write_all(self) -> None:
        while self._waiting or self._lost or self._file.is_full_of:
            if not self._file.is_full_of:  # otherwise what could not be written comes first
                self._encode()
            try:
                self._file.write()
            except OSError as error:
                self._fail(error)
                return
            if self._failure is not None:
                _log.warning("the audit log can be written again")
                self._failure = None

    def _encode(self) -> None:
        for _ in range(min(LINES_AT_ONCE, len(self._waiting))):
            body = self._described(*self._waiting.popleft())
            if body is not None:
                self._file.add(body)
                COUNTS.audit_lines += 1
        if not self._waiting and self._lost:
            lost, self._lost = self._lost, 0
            self._file.add({"time": _time(time.time()), "event": "audit.lost", "lines": lost})

    def _described(
        self, kind: str, what: NotedExecution | Happening, identity: Identity | None, code: str | None
    ) -> dict[str, Any] | None:
        """Return the line of an entry; None for the beginning of an execution that has ended by now."""
        if isinstance(what, Happening):
            return _happened(what, identity)
        if kind == SUBMITTED:
            assert identity is not None
            self._chars_out += 0 if code is None else len(code)
            if what.finished_at is not None:  # then its end comes, and tells everything
                self._asked[what.id] = identity, code
                return None
            self._asked[what.id] = identity, None
            return _submitted(what, identity, code)
        return _ended(what, *self._asked.pop(what.id, (NOBODY_ASKED, None)))

    def _fail(self, error: OSError) -> None:
        if self._failure is None:
            consequence = "new work is refused" if self._refuses else "lines wait, and may be lost"
            _log.error("the audit log cannot be written: %s; %s", error.strerror or error, consequence)
        self._failure = error.strerror or str(error)

    def _open_again(self) -> None:
        if not self._is_aside and self._file.is_in_place:
            return
        try:
            new = AuditFile(self._path, after=self._file.last)
            new.begin({**self._about(), "continues": self._file.last})
        except OSError as error:
            if self._is_aside and not self._reopens:  # the other daemon still writes to it
                return
            _log.error("the audit log stays where it is: %s cannot be opened: %s", self._path, error.strerror or error)
            return
        self._file.close()
        self._file, self._is_aside = new, False
        self._write_all()
        COUNTS.audit_lines += 1
        _log.info("the audit log goes on in a new file")

    def _about(self) -> dict[str, Any]:
        return {"time": _time(time.time()), "version": __version__, "pid": os.getpid()}


@functools.lru_cache(maxsize=2)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _time(at: float) -> str:
    second = int(at)
    return f"{_second(second)}.{int((at - second) * 1_000_000):06d}Z"


def _submitted(run: NotedExecution, identity: Identity, code: str | None) -> dict[str, Any]:
    return {"time": _time(run.created_at), "event": SUBMITTED, **_known(run, identity, code)}


def _ended(run: NotedExecution, identity: Identity, code: str | None) -> dict[str, Any]:
    finished_at = run.finished_at or run.created_at
    return {
        "time": _time(finished_at),
        "event": ENDED,
        **_known(run, identity, code),
        "submitted": _time(run.created_at),
        "outcome": run.state,
        "raised": run.error is not None,
        "runningSeconds": 0.0 if run.started_at is None else round(finished_at - run.started_at, 6),
        "outputBytes": run.output_bytes,
    }


def _known(run: NotedExecution, identity: Identity, code: str | None) -> dict[str, Any]:
    """Return what is known of an execution from its beginning on."""
    body: dict[str, Any] = {"contextId": run.context_id, "executionId": run.id, "tenant": run.tenant}
    if identity.token:
        body["token"], body["role"] = identity.token, identity.role
    if (caller := run.caller) is not None:
        body["requestId"] = caller.request_id
        if caller.address:
            body["address"] = caller.address
    if run.origin:
        body["origin"] = run.origin
    if not run.kept:
        body["listed"] = False
    body["sha256"] = run.source.sha256
    if code is not None:  # JSON cannot hold a lone surrogate
        body["code"] = code.encode(errors="backslashreplace").decode()
    return body


def _happened(happening: Happening, identity: Identity | None) -> dict[str, Any]:
    body: dict[str, Any] = {"time": _time(happening.at), "event": happening.name}
    if happening.context_id:
        body["contextId"] = happening.context_id
    body["tenant"] = happening.tenant
    if identity is not None and identity.token:
        body["token"] = identity.token
    if (caller := happening.caller) is not None:
        body["requestId"] = caller.request_id
        if caller.address:
            body["address"] = caller.address
    return {**body, **happening.fields}
