"""Run Python in a daemon's contexts, from Python.

    from interpreterd.client import Interpreter

    with Interpreter.local() as py:
        print(py.execute("print(6 * 7)").stdout)

``Interpreter`` is for everyone, ``AsyncInterpreter`` for asyncio; they are two faces of one implementation. What can
go wrong: ``interpreterd.client.errors``.
"""

from interpreterd.client.aio import AsyncInterpreter
from interpreterd.client.background import AsyncBackground, Background
from interpreterd.client.branching import ForkOptions
from interpreterd.client.checkpoints import AsyncCheckpoint, Checkpoint
from interpreterd.client.errors import (
    ArchiveNotFound,
    CheckpointNotFound,
    ClientError,
    ConnectionFailed,
    ConnectionLost,
    ContextNotFound,
    ExecutionLost,
    InvalidArgument,
    LimitReached,
    NotCarried,
    NothingToUndo,
    NotSavedWhole,
    Refused,
    StartFailed,
    UnexpectedAnswer,
)
from interpreterd.client.files import FileEntry
from interpreterd.client.functions import HostFunctions, describe
from interpreterd.client.handles import AsyncContext, Context
from interpreterd.client.local import LocalDaemon
from interpreterd.client.options import ContextOptions, ExecuteOptions, Options, StreamOptions
from interpreterd.client.results import Execution, ExecutionFailed
from interpreterd.client.shown import Shown
from interpreterd.client.state import Archive
from interpreterd.client.sync import Interpreter
from interpreterd.model.archives import Skipped
from interpreterd.model.displays import ClearOutput, Display, Result, UpdateDisplay
from interpreterd.model.events import (
    Event,
    Finished,
    Gap,
    InputRequest,
    Outcome,
    Output,
    Queued,
    Raised,
    Restarted,
    Started,
    Stream,
)
from interpreterd.model.failures import Failure, Frame
from interpreterd.model.functions import FunctionCall, FunctionEnd
from interpreterd.model.looks import Completeness, Completions, Inspection, Variable
from interpreterd.model.losses import Lost
from interpreterd.model.restored import Restored

__all__ = [
    "Archive",
    "ArchiveNotFound",
    "AsyncBackground",
    "AsyncCheckpoint",
    "AsyncContext",
    "AsyncInterpreter",
    "Background",
    "Checkpoint",
    "CheckpointNotFound",
    "ClearOutput",
    "ClientError",
    "Completeness",
    "Completions",
    "ConnectionFailed",
    "ConnectionLost",
    "Context",
    "ContextNotFound",
    "ContextOptions",
    "Display",
    "Event",
    "ExecuteOptions",
    "Execution",
    "ExecutionFailed",
    "ExecutionLost",
    "Failure",
    "FileEntry",
    "Finished",
    "ForkOptions",
    "Frame",
    "FunctionCall",
    "FunctionEnd",
    "Gap",
    "HostFunctions",
    "InputRequest",
    "Inspection",
    "Interpreter",
    "InvalidArgument",
    "LimitReached",
    "LocalDaemon",
    "Lost",
    "NotCarried",
    "NotSavedWhole",
    "NothingToUndo",
    "Options",
    "Outcome",
    "Output",
    "Queued",
    "Raised",
    "Refused",
    "Restarted",
    "Restored",
    "Result",
    "Shown",
    "Skipped",
    "StartFailed",
    "Started",
    "Stream",
    "StreamOptions",
    "UnexpectedAnswer",
    "UpdateDisplay",
    "Variable",
    "describe",
]
