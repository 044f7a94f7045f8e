"""The tools as clients see them: names, descriptions, and the JSON schemas of arguments and results."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

WAIT_LIMIT_S: Final = 45  # no call is longer: many clients give up after 60 s
TIMEOUT_S: Final = 3600
LONGEST_TIMEOUT_S: Final = 86_400 * 7
STRING: Final = {"type": "string"}

_CONTEXT: Final = {
    "own": "The id of a context. Leave it out to use your own.",
    "new": "The id of a context, from an earlier result. Leave it out for a new one, with no variables.",
}
_STATE: Final = {
    "own": "Variables, imports and files stay from one call to the next. Leave `context` out to use your own.",
    "new": "Variables, imports and files stay in the context: pass its id from the result on, or you get a new one.",
}


@frozen(kw_only=True)
class Declared:
    """One tool.

    Attributes:
        reads_only, destroys, repeats, reaches_out: MCP's hints: it changes nothing; it may destroy; a second call with
            the same arguments changes nothing more; it may reach the world.
    """

    name: str
    title: str
    description: str
    arguments: Mapping[str, Any]
    needed: Sequence[str] = ()
    result: Mapping[str, Any] | None = None
    reads_only: bool = False
    destroys: bool = False
    repeats: bool = False
    reaches_out: bool = False

    @property
    def input_schema(self) -> dict[str, Any]:
        """Return the schema of the arguments."""
        return {
            "type": "object",
            "properties": dict(self.arguments),
            "required": list(self.needed),
            "additionalProperties": False,
        }


def closed(properties: Mapping[str, Any], optional: Sequence[str] = ()) -> dict[str, Any]:
    """Return the schema of an object that has these properties and no others."""
    needed = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": needed, "additionalProperties": False}


EXECUTION: Final = closed(
    {
        "context": {**STRING, "description": "Where it ran: pass it on to go on there."},
        "execution": {**STRING, "description": "For `wait` and `interrupt`."},
        "outcome": {
            "enum": ["completed", "interrupted", "lost", "cancelled", "running"],
            "description": "completed: by itself, also with an exception; lost: its Python ended under it.",
        },
        "error": {"anyOf": [{"type": "null"}, closed({"name": STRING, "value": STRING})]},
        "restarted": {"type": "boolean", "description": "A new Python was started first: earlier variables are gone."},
        "cutChars": {"type": "integer", "description": "Characters of output that this result leaves out."},
        "nextEvent": {"type": "integer", "description": "For `from` of `wait`."},
        "images": {"type": "integer"},
    }
)
CONTEXT: Final = closed(
    {
        "context": STRING,
        "cwd": STRING,
        "state": {"enum": ["starting", "idle", "busy", "dead", "hibernating"]},
        "lastUsedAt": STRING,
        "own": {"type": "boolean", "description": "It is used where `context` is left out."},
    }
)
FILE: Final = closed({"path": STRING, "type": STRING, "size": {"type": ["integer", "null"]}})


def tools(*, keeps: bool) -> list[Declared]:
    """Return the tools. ``keeps``: a client has a context of its own."""
    kind = "own" if keeps else "new"
    context = {**STRING, "description": _CONTEXT[kind]}
    needed_context = {**STRING, "description": "The id of a context."}
    any_context = context if keeps else needed_context
    return [
        Declared(
            name="run_python",
            title="Run Python",
            description=(
                f"Run Python code. {_STATE[kind]} Print what you want to see; the value of the last expression and "
                f"figures are shown. `!command` and `%pip install` work. If the code still runs after `wait` seconds, "
                f"you get outcome `running`, and the code goes on: call `wait` with its `execution`."
            ),
            arguments={
                "code": STRING,
                "context": context,
                "timeout": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": LONGEST_TIMEOUT_S,
                    "default": TIMEOUT_S,
                    "description": "Seconds after which the code is interrupted.",
                },
                "wait": _seconds("Seconds to wait for its end. 0: run it in the background."),
                "checkpoint": {
                    "type": "boolean",
                    "default": False,
                    "description": "Keep all variables as they are before, so that `undo` can go back to them.",
                },
            },
            needed=["code"],
            result=EXECUTION,
            destroys=True,
            reaches_out=True,
        ),
        Declared(
            name="wait",
            title="Wait for code",
            description="Wait for code that still runs, and get the output that you have not seen; also of ended code.",
            arguments={
                "execution": {**STRING, "description": "From the result of run_python."},
                "seconds": _seconds("Seconds to wait for its end."),
                "from": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Show events from this number on; 0: from the start.",
                },
                "offset": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Leave out so many characters first: to read on in output that was cut.",
                },
            },
            needed=["execution"],
            result=EXECUTION,
            reads_only=True,
        ),
        Declared(
            name="interrupt",
            title="Interrupt code",
            description="Stop code, like Ctrl-C. Variables are kept if it obeys within 2 seconds.",
            arguments={
                "execution": {**STRING, "description": "Stop this execution, also if it still waits for its turn."},
                "context": {**STRING, "description": "Or stop what runs in this context."},
            },
            result=closed({"did": {"enum": ["interrupting", "cancelled", "idle"]}}),
            repeats=True,
        ),
        Declared(
            name="contexts",
            title="Contexts",
            description=(
                "List your contexts; with `new` make one, with `fork` copy one with all its variables, with `end` end "
                "one and everything that runs in it."
            ),
            arguments={
                "new": {
                    "type": "object",
                    "properties": {
                        "cwd": {**STRING, "description": "Its directory, an absolute path."},
                        "envs": {
                            "type": "object",
                            "additionalProperties": STRING,
                            "description": "Environment variables.",
                        },
                    },
                    "additionalProperties": False,
                },
                "fork": {**STRING, "description": "The id of the context to copy. Both share their files."},
                "end": {**STRING, "description": "The id of the context to end."},
            },
            result=closed({"contexts": {"type": "array", "items": CONTEXT}, "ended": STRING}, optional=["ended"]),
            destroys=True,
        ),
        Declared(
            name="restart",
            title="Restart Python",
            description="Give a context a fresh Python. All variables are lost, and code that runs there is ended.",
            arguments={"context": any_context},
            needed=[] if keeps else ["context"],
            result=CONTEXT,
            destroys=True,
        ),
        Declared(
            name="undo",
            title="Undo code",
            description="Go back before the last run_python of a context, which had `checkpoint`. Files stay.",
            arguments={"context": any_context},
            needed=[] if keeps else ["context"],
            result=CONTEXT,
            destroys=True,
        ),
        Declared(
            name="files",
            title="Files of a context",
            description=(
                "List, read or write files below a context's directory. Code sees them too, so use this for files that "
                "come from elsewhere or go there."
            ),
            arguments={
                "action": {"enum": ["list", "read", "write"]},
                "context": any_context,
                "path": {**STRING, "description": "Relative to the context's directory, for read and write."},
                "glob": {**STRING, "description": "For list: `*` (top level, the default), `**/*.csv`."},
                "offset": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "For read: leave out so many characters first.",
                },
                "text": {**STRING, "description": "For write: the content."},
                "base64": {**STRING, "description": "For write: the content, if it is not text."},
            },
            needed=["action"] if keeps else ["action", "context"],
            result=closed({"context": STRING, "files": {"type": "array", "items": FILE}}),
            destroys=True,
        ),
    ]


def instructions(*, keeps: bool) -> str:
    """Return the server's instructions for the model."""
    more = "" if keeps else " Pass the `context` of a result on, or the next call starts with an empty one."
    return "Runs Python in persistent contexts. Variables, imports and files stay between calls of one context." + more


def _seconds(description: str) -> dict[str, Any]:
    return {
        "type": "number",
        "minimum": 0,
        "maximum": WAIT_LIMIT_S,
        "default": WAIT_LIMIT_S,
        "description": description,
    }
