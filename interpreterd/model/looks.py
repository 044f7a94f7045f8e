"""What clients ask of a context's namespace beside executions, and the answers."""

from typing import Final, Literal

from attrs import field, frozen

DEFAULT_LOOK_TIMEOUT_S: Final = 10
MATCHES_LIMIT: Final = 1000
VARIABLES_LIMIT: Final = 1000

HISTORY_LIMIT: Final = 1000  # cells
HISTORY_PATTERN_LIMIT_CHARS: Final = 1000
COMMS_LIMIT: Final = 1000

TaskKind = Literal["complete", "inspect", "isComplete", "variables", "history", "comms"]
HistoryAccess = Literal["tail", "range", "search"]
CompletenessStatus = Literal["complete", "incomplete", "invalid", "unknown"]


@frozen(kw_only=True)
class HistoryQuery:
    """Which cells of the history to tell.

    Attributes:
        access: ``tail``: the latest ``n``; ``range``: the numbers ``start`` to ``stop``, without ``stop``; ``search``:
            the latest ``n`` that match ``pattern``.
        n: None for ``HISTORY_LIMIT``.
        start: The cells of a worker count from 1. 0 or less counts back from the next cell.
        stop: None for the end.
        pattern: ``*`` stands for any characters, ``?`` for one; it has to match the whole source.
        unique: Whether to tell, of cells with the same source, only the latest.
        output: Whether to tell the text of their results, too.
    """

    access: HistoryAccess = "tail"
    n: int | None = None
    start: int = 1
    stop: int | None = None
    pattern: str = "*"
    unique: bool = False
    output: bool = False


@frozen(kw_only=True)
class Task:
    """A look at the namespace, in place of running the code.

    Attributes:
        cursor: A place in the code, in Unicode code points.
        detail: 1 for the source, too.
        history: For ``history``.
        target: For ``comms``: only comms of this target; empty for all.
    """

    kind: TaskKind
    cursor: int = 0
    detail: int = 0
    history: HistoryQuery = field(factory=HistoryQuery)
    target: str = ""


@frozen(kw_only=True)
class Completions:
    """What may stand at the cursor.

    Attributes:
        matches: Each may replace the code from ``cursor_start`` to ``cursor_end``, in Unicode code points.
        types: Of each match: ``function``, ``class``, ``module``, ``instance``, ``keyword``, ``param``, ``path``.
        omitted: How many more matches there are.
    """

    matches: tuple[str, ...] = field(default=(), repr=lambda it: f"<{len(it)} matches>")
    types: tuple[str, ...] = field(default=(), repr=False)
    cursor_start: int
    cursor_end: int
    omitted: int = 0


@frozen(kw_only=True)
class Inspection:
    """What an object is. A value that is not known is None.

    Attributes:
        found: Whether there is an object at the cursor; otherwise all else is empty.
        name: The expression that was looked up.
        type: The name of its class.
        kind: ``function``, ``class``, ``module`` or ``value``.
        value: Its short ``repr``.
        file: Where it was defined, with the first ``line``.
        source: Only with ``detail`` 1.
    """

    found: bool
    name: str = ""
    type: str | None = None
    kind: str | None = None
    signature: str | None = field(default=None, repr=False)
    docstring: str | None = field(default=None, repr=False)
    value: str | None = field(default=None, repr=False)
    file: str | None = None
    line: int | None = None
    source: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class Completeness:
    """Whether code could be run as it is.

    Attributes:
        status: ``complete``; ``incomplete``: more lines must follow, of which the next may begin with ``indent``;
            ``invalid``: no more lines can mend it; ``unknown``.
    """

    status: CompletenessStatus
    indent: str = ""


@frozen(kw_only=True)
class Variable:
    """A name of the namespace. What is not known, or would be expensive to know, is None.

    Attributes:
        type: The name of its class.
        kind: ``function``, ``class``, ``module`` or ``value``.
        repr: At most 200 characters.
        size: In bytes, without the objects that it refers to; of arrays and frames, with their data.
        length: As ``len`` counts.
        shape: Of arrays and frames.
        dtype: Of arrays; of frames, those of the columns.
    """

    name: str
    type: str
    kind: str
    repr: str | None = field(default=None, repr=False)
    size: int | None = None
    length: int | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None


@frozen(kw_only=True)
class Variables:
    """The names of a context's namespace, those of Python itself excepted.

    Attributes:
        omitted: How many more there are.
    """

    variables: tuple[Variable, ...] = ()
    omitted: int = 0


@frozen(kw_only=True)
class Cell:
    """A cell of the history.

    Attributes:
        number: The ``worker_count`` of its execution.
        output: The text of its result; None if it had none, or was not asked for.
    """

    number: int
    source: str = field(repr=False)
    output: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class History:
    """Cells that the present worker has run, the oldest first.

    Attributes:
        omitted: How many more there are that were asked for: the newest are told first, as far as there is room.
    """

    cells: tuple[Cell, ...] = ()
    omitted: int = 0


@frozen(kw_only=True)
class OpenComm:
    """A comm that is open; see ``comms``."""

    comm_id: str
    target: str


@frozen(kw_only=True)
class Comms:
    """The comms that are open.

    Attributes:
        omitted: How many more there are.
    """

    comms: tuple[OpenComm, ...] = ()
    omitted: int = 0


Found = Completions | Inspection | Completeness | Variables | History | Comms
