"""Requests of clients about contexts and executions."""

from collections.abc import Mapping, Set
from typing import Final

from attrs import field, frozen

from interpreterd.model.comms import ToComm
from interpreterd.model.digest import Digest, utf8_bytes
from interpreterd.model.errors import InvalidRequest
from interpreterd.model.functions import HostFunction
from interpreterd.model.isolation import NO_ISOLATION_REQUEST, IsolationRequest
from interpreterd.model.limits import NONE, Limits
from interpreterd.model.looks import Task
from interpreterd.model.names import JSON

DEFAULT_TIMEOUT_S: Final = 600
TIMEOUT_LIMIT_S: Final = 2**32 - 1  # the field is an unsigned 32-bit integer in the clients' own schema
ID_LIMIT_CHARS: Final = 1000  # of a context's id, which the daemon repeats if it does not know it
ORIGIN_LIMIT_CHARS: Final = 256
METADATA_LIMIT: Final = 64
METADATA_LIMIT_BYTES: Final = 4096
MESSAGE_ID_LIMIT_CHARS: Final = 256
EXPRESSIONS_LIMIT: Final = 64
EXPRESSIONS_LIMIT_BYTES: Final = 64 << 10
EXPRESSION_NAME_LIMIT_CHARS: Final = 256
IMAGE_FORMATS: Final = ("png", "svg")
CHART: Final = "application/vnd.interpreterd.chart+json"
COLUMNS: Final = "application/vnd.interpreterd.columns+json"
E2B_CHART: Final = "application/vnd.e2b.chart+json"
FORMATS: Final = (JSON, "application/vnd.dataresource+json", COLUMNS, CHART, E2B_CHART)
"""The formats of values that an execution's request may ask for."""
CWD_LIMIT_BYTES: Final = 4096  # PATH_MAX, limits.h


@frozen(kw_only=True)
class Execute:
    """Run ``code`` as one execution.

    Attributes:
        code: Python source, not empty.
        context_id: None for the default context.
        timeout_s: Wall-clock seconds from its start, queueing not counted; None for no limit.
        grace_s: Seconds between an interrupt and the kill; None for the daemon's own.
        envs: Environment variables, for this execution only.
        stays: Whether it goes on when its client's connection ends; otherwise it is interrupted.
        stdin: Whether ``input()`` asks the client.
        interactive: Whether the values of its expressions are printed, as at Python's own prompt.
        charts: Whether a figure of matplotlib comes with its data.
        image_format: The format of figures, one of ``IMAGE_FORMATS``; None for the code's own choice, png by default.
        results: Whether its client wants the value of the last expression. Otherwise no code of the value runs.
        formats: Those of ``FORMATS`` that values come in, where they have them; None for the usual ones.
        shows_saved: Whether pictures that code saves to files, by Pillow or matplotlib, are shown, too.
        refuses_input: Whether ``input()`` raises what it raises in IPython for a client without input, not EOFError.
        files: Whether its end lists the files that it has made or changed below the context's directory.
        silent: Whether it neither counts nor shows or keeps the value of its last expression; its output is as usual.
        counted: Whether it counts among the context's executions, and is kept in the history of its worker.
        expressions: Evaluated after the code, unless that ends with an exception: by the client's names for them.
        pages: Whether help, by ``name?``, comes as a page, see ``Display``; otherwise it is printed.
        stop_on_error: Whether executions of the same ``origin`` that wait are cancelled if it ends with an exception.
        functions: Those that its code may call; ``functions.check_functions`` says which are possible.
        origin: The client's name for itself, for other clients that follow the context.
        message_id: The client's name for the request, which code can see; empty for the execution's id.
        checkpoint: Whether a checkpoint is taken right before it, so that it can be undone.
        task: A look at the namespace, in place of running the code; None to run it.
        comm: To give a message to functions that code has registered, in place of running the code.
        digest: Of the code, if it is already known: computing it takes long for long code.
    """

    code: str = field(repr=lambda code: f"<{len(code)} chars>")
    context_id: str | None = None
    timeout_s: float | None = DEFAULT_TIMEOUT_S
    grace_s: float | None = None
    envs: Mapping[str, str] = field(factory=dict, repr=lambda envs: f"<{len(envs)} variables>")
    stays: bool = True
    stdin: bool = False
    interactive: bool = False
    charts: bool = False
    image_format: str | None = None
    results: bool = True
    formats: tuple[str, ...] | None = None
    shows_saved: bool = False
    refuses_input: bool = False
    files: bool = False
    silent: bool = False
    counted: bool = True
    expressions: Mapping[str, str] = field(factory=dict, repr=lambda them: f"<{len(them)} expressions>")
    pages: bool = False
    stop_on_error: bool = False
    functions: tuple[HostFunction, ...] = ()
    origin: str = ""
    message_id: str = ""
    checkpoint: bool = False
    task: Task | None = None
    comm: ToComm | None = None
    digest: Digest | None = field(default=None, repr=False, eq=False)

    @property
    def counts(self) -> bool:
        """Whether it is one of the executions that the context counts."""
        return self.counted and not self.silent and self.task is None and self.comm is None


@frozen(kw_only=True)
class CreateContext:
    """Make a context.

    Attributes:
        cwd: Absolute path of an existing directory; None for the daemon's own.
        preload: The modules that the daemon must preload; None if that does not matter.
        limits: Tighter ones than the daemon's own.
        isolation: Tighter than the daemon's own.
        envs: Environment variables of all its executions.
        metadata: The client's notes; see ``patched``.
        listed: Whether clients find it among the contexts, and its executions when they have ended. A dialect makes
            unlisted ones for work of its own, for example to run a command.
        archive: The id or the name of the archive whose variables it gets; None for none.
        persistent: Whether it outlives the daemon; None for the daemon's own choice.
        tenant: Whose it is; clients do not choose it.
    """

    cwd: str | None = None
    preload: Set[str] | None = None
    limits: Limits = NONE
    isolation: IsolationRequest = NO_ISOLATION_REQUEST
    envs: Mapping[str, str] = field(factory=dict, repr=lambda envs: f"<{len(envs)} variables>")
    metadata: Mapping[str, str] = field(factory=dict, repr=lambda metadata: f"<{len(metadata)} pairs>")
    listed: bool = True
    archive: str | None = None
    persistent: bool | None = None
    tenant: str = ""


@frozen(kw_only=True)
class ChangeContext:
    """Change a context, by a JSON merge patch (RFC 7396).

    Attributes:
        metadata: The pairs to set, or to remove if the value is None; None to remove all.
    """

    metadata: Mapping[str, str | None] | None = field(factory=dict)


def check_expressions(expressions: Mapping[str, str]) -> None:
    """Raise ``InvalidRequest`` if these are too many expressions, or too long ones."""
    if len(expressions) > EXPRESSIONS_LIMIT:
        raise InvalidRequest(f"expressions must be at most {EXPRESSIONS_LIMIT}")
    if any(len(name) > EXPRESSION_NAME_LIMIT_CHARS for name in expressions):
        raise InvalidRequest(f"expressions must have names of at most {EXPRESSION_NAME_LIMIT_CHARS} characters")
    if sum(utf8_bytes(name) + utf8_bytes(expression) for name, expression in expressions.items()) > (
        EXPRESSIONS_LIMIT_BYTES
    ):
        limit = f"{EXPRESSIONS_LIMIT_BYTES} bytes long, names included"
        raise InvalidRequest(f"expressions must together be at most {limit}")


def patched(metadata: Mapping[str, str], patch: Mapping[str, str | None] | None) -> dict[str, str]:
    """Return ``metadata`` with ``patch``, as for ``ChangeContext``; raise ``InvalidRequest`` if it is too much."""
    both = {} if patch is None else {**metadata, **patch}
    changed = {key: value for key, value in both.items() if value is not None}
    if len(changed) > METADATA_LIMIT:
        raise InvalidRequest(f"metadata must have at most {METADATA_LIMIT} pairs")
    if sum(utf8_bytes(key) + utf8_bytes(value) for key, value in changed.items()) > METADATA_LIMIT_BYTES:
        raise InvalidRequest(f"metadata must be at most {METADATA_LIMIT_BYTES} bytes long, keys and values together")
    return changed
