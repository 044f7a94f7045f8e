"""The audit log: who ran what, when, and how it ended; written by a thread of its own.

At most ``WAITING_LIMIT`` entries, and ``CODE_LIMIT_CHARS`` of code, wait for the thread. While the file cannot be
written, entries wait, and the thread tries again every second. With ``refuse``, no new work begins meanwhile: what runs
ends, and its end is written when there is room. Entries beyond the bound are lost; a line says how many.
"""

import contextlib
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
from interpreterd.model.caller import ClientRequest
from interpreterd.model.happenings import Happening, NotedExecution, NotedSource
from interpreterd.model.identity import CURRENT
from interpreterd.model.requests import Execute
from interpreterd.monitoring.audit_file import AuditFile, last_hash
from interpreterd.monitoring.counts import COUNTS

WAITING_LIMIT: Final = 20_000
CODE_LIMIT_CHARS: Final = 64 << 20
GATHER_S: Final = 0.005  # entries of so many seconds are written at once
TRY_AGAIN_AFTER_S: Final = 1.0
END_WITHIN_S: Final = 2.0
LINES_AT_ONCE: Final = 1000
_log = logging.getLogger(__name__)
_Entry = tuple[str, float, dict[str, Any], NotedSource | None, int]


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
        self._code_chars = 0
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
        """See ``Sink``. So do the other methods."""
        identity = CURRENT.get()
        fields: dict[str, Any] = {"contextId": run.context_id, "executionId": run.id, "tenant": run.tenant}
        if identity.token:
            fields |= {"token": identity.token, "role": identity.role}
        fields |= _asked_by(run.caller)
        if run.origin:
            fields["origin"] = run.origin
        if not run.kept:
            fields["listed"] = False
        code_chars = 0
        if self._keeps_code:
            fields["code"] = request.code
            code_chars = len(request.code)
        self._put(("execution.submitted", run.created_at, fields, run.source, code_chars))

    def begun(self, run: NotedExecution) -> None:
        pass

    def ended(self, run: NotedExecution) -> None:
        finished_at = run.finished_at or run.created_at
        fields = {
            "contextId": run.context_id,
            "executionId": run.id,
            "tenant": run.tenant,
            "outcome": run.state,
            "raised": run.error is not None,
            "runningSeconds": 0.0 if run.started_at is None else round(finished_at - run.started_at, 6),
            "outputBytes": run.output_bytes,
        }
        self._put(("execution.ended", finished_at, fields, None, 0))

    def happened(self, happening: Happening) -> None:
        about = {"contextId": happening.context_id} if happening.context_id else {}
        token = CURRENT.get().token if happening.caller is not None else ""
        fields = {
            **about,
            "tenant": happening.tenant,
            **({"token": token} if token else {}),
            **_asked_by(happening.caller),
            **happening.fields,
        }
        self._put((happening.name, happening.at, fields, None, 0))

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
        return len(self._waiting) < WAITING_LIMIT and self._code_chars + code_chars <= CODE_LIMIT_CHARS

    def _put(self, entry: _Entry) -> None:
        code_chars = entry[4]
        if not self._has_room(code_chars):
            self._lost += 1
            COUNTS.audit_lost += 1
            return
        self._code_chars += code_chars
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
            name, at, fields, source, code_chars = self._waiting.popleft()
            self._code_chars -= code_chars
            body: dict[str, Any] = {"time": _time(at), "event": name, **fields}
            if source is not None:
                body["sha256"] = source.sha256
            if "code" in body:  # JSON cannot hold a lone surrogate
                body["code"] = body["code"].encode(errors="backslashreplace").decode()
            self._file.add(body)
            COUNTS.audit_lines += 1
        if not self._waiting and self._lost:
            lost, self._lost = self._lost, 0
            self._file.add({"time": _time(time.time()), "event": "audit.lost", "lines": lost})

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


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")


def _asked_by(caller: ClientRequest | None) -> dict[str, str]:
    if caller is None:
        return {}
    address = {"address": caller.address} if caller.address else {}
    return {"requestId": caller.request_id, **address}
