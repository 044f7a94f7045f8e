"""Run Python in a daemon's contexts, from Python.

    from interpreterd.client import Interpreter

    with Interpreter.local() as py:
        print(py.execute("print(6 * 7)").stdout)

``Interpreter`` is for everyone, ``AsyncInterpreter`` for asyncio; they are two faces of one implementation. What can
go wrong: ``interpreterd.client.errors``.
"""

from interpreterd.client.aio import AsyncContext, AsyncInterpreter
from interpreterd.client.background import AsyncBackground, Background
from interpreterd.client.errors import (
    ClientError,
    ConnectionFailed,
    ConnectionLost,
    ContextNotFound,
    ExecutionLost,
    InvalidArgument,
    LimitReached,
    Refused,
    StartFailed,
    UnexpectedAnswer,
)
from interpreterd.client.files import FileEntry
from interpreterd.client.functions import HostFunctions, describe
from interpreterd.client.local import LocalDaemon
from interpreterd.client.options import ContextOptions, ExecuteOptions, Options, StreamOptions
from interpreterd.client.results import Execution, ExecutionFailed
from interpreterd.client.shown import Shown
from interpreterd.client.sync import Context, Interpreter
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

__all__ = [
    "AsyncBackground",
    "AsyncContext",
    "AsyncInterpreter",
    "Background",
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
    "Options",
    "Outcome",
    "Output",
    "Queued",
    "Raised",
    "Refused",
    "Restarted",
    "Result",
    "Shown",
    "StartFailed",
    "Started",
    "Stream",
    "StreamOptions",
    "UnexpectedAnswer",
    "UpdateDisplay",
    "Variable",
    "describe",
]
