"""Host functions: functions of a client that the code of an execution calls, and whose answers the client sends."""

import enum
import keyword
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import field, frozen

from interpreterd.model.digest import utf8_bytes
from interpreterd.model.displays import Json
from interpreterd.model.errors import InvalidRequest
from interpreterd.model.events import Event

FUNCTIONS_LIMIT: Final = 128
FUNCTION_NAME_LIMIT_CHARS: Final = 128
DECLARED_LIMIT_BYTES: Final = 64 << 10  # of all names, signatures and docs of an execution
OUTSTANDING_LIMIT: Final = 64  # calls of an execution that wait for their answers
VALUE_LIMIT_BYTES: Final = 1 << 20  # of an answer's value, as JSON
ERROR_VALUE_LIMIT_CHARS: Final = 16 << 10
# Of a long value: the time and memory of reading JSON depend on its elements; see ``displays.weight``.
JSON_WEIGHT_LIMIT: Final = 512 << 10
GONE: Final = "HostFunctionError"
"""The exception in the code when no answer can come."""


@frozen(kw_only=True)
class HostFunction:
    """A function that code may call.

    Attributes:
        name: An identifier, or two with a dot: ``github.search``.
        is_async: Whether it is a coroutine function in the code.
        signature: As in Python's source, with the parentheses: ``(query: str, *, limit: int = 3) -> list``.
    """

    name: str
    is_async: bool = False
    signature: str = ""
    doc: str = field(default="", repr=lambda doc: f"<{len(doc)} chars>")


class CallOutcome(enum.StrEnum):
    """How the call of a host function ended."""

    RETURNED = "returned"
    RAISED = "raised"
    CANCELLED = "cancelled"
    """The code waits no more: it was interrupted, gave up, or has ended."""


@frozen(kw_only=True)
class Returned:
    """The answer of a host function that has returned."""

    value: Json = field(repr=False)


@frozen(kw_only=True)
class HostRaised:
    """The answer of a host function that has raised.

    Attributes:
        name: The exception's class.
        value: Its message.
    """

    name: str
    value: str = field(repr=False)


CallAnswer = Returned | HostRaised


@frozen(kw_only=True)
class PendingCall:
    """A call that waits for its answer.

    Attributes:
        call_id: Different for each call of an execution.
        args: A JSON array.
        kwargs: A JSON object.
    """

    call_id: str
    name: str
    args: Json
    kwargs: Json


@frozen(kw_only=True)
class FunctionCall(Event):
    """The code calls a host function and waits for the answer; the fields are those of ``PendingCall``."""

    counts_as_backlog = True

    call_id: str
    name: str
    args: Json
    kwargs: Json


@frozen(kw_only=True)
class FunctionEnd(Event):
    """A call has ended. Its value is told only to the code."""

    counts_as_backlog = True

    call_id: str
    outcome: CallOutcome


def check_functions(functions: Sequence[HostFunction]) -> None:
    """Raise ``InvalidRequest`` for functions that no execution can have."""
    if len(functions) > FUNCTIONS_LIMIT:
        raise InvalidRequest(f"functions must have at most {FUNCTIONS_LIMIT} items")
    size_bytes = sum(utf8_bytes(it.name) + utf8_bytes(it.signature) + utf8_bytes(it.doc) for it in functions)
    if size_bytes > DECLARED_LIMIT_BYTES:
        raise InvalidRequest(
            f"functions must be at most {DECLARED_LIMIT_BYTES} bytes long: all names, signatures and docs together"
        )
    names = [it.name for it in functions]
    for name in names:
        check_name(name)
    if (twice := _repeated(names)) is not None:
        raise InvalidRequest(f"functions must have different names: {twice!r} is there twice")
    if both := {name.partition(".")[0] for name in names if "." in name} & set(names):
        raise InvalidRequest(f"functions must not have {min(both)!r} both as a function and before a dot")


def check_name(name: str) -> None:
    """Raise ``InvalidRequest`` for a name that no function can have in code."""
    parts = name.split(".")
    if len(name) > FUNCTION_NAME_LIMIT_CHARS or len(parts) > 2 or not all(map(_is_name, parts)):
        raise InvalidRequest(
            "functions must have names that are Python identifiers, or two with a dot between them, of at most "
            f"{FUNCTION_NAME_LIMIT_CHARS} characters, no keywords and no '_' and no '__name__'; not {name[:200]!r}"
        )


def _is_name(part: str) -> bool:
    """Whether code can name a variable so: the compiler reads other forms of a character as its normal form."""
    plain = part.isidentifier() and not keyword.iskeyword(part) and unicodedata.normalize("NFKC", part) == part
    return plain and part.strip("_") != "" and not (part.startswith("__") and part.endswith("__"))


def _repeated(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]
