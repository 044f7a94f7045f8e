"""Expressions that a client wants to know after a cell: each is published as a value, or as the exception it raises."""

from worker.formatters import bundle, leave_out
from worker.publisher import publish
from worker.report import cut, describe, forget_own_frames

_FILE = "<expression>"
# As JSON in ASCII, together with the client's name for the expression, they fit into a header.
_VALUE_LIMIT_CHARS, _TRACEBACK_LIMIT_CHARS = 800, 2000


def value_and_expressions(cells, call):
    """Return the value of the cell that ``call`` runs; then its request's expressions have been evaluated."""
    value = cells.value_of(call) if cells.around is None else cells.around(call)
    for name, expression in cells.request["expressions"].items():
        _evaluate(cells, name, expression)
    return value


def _evaluate(cells, name, expression):
    head = {"name": name}
    try:
        code = compile(expression.strip(), _FILE, "eval", 0, True)
        data, metadata = cells.call(bundle, cells.call(eval, code, cells.module.__dict__))
    except KeyboardInterrupt:
        raise
    except BaseException as raised:
        forget_own_frames(raised)
        described = describe(raised)
        head["error"] = {
            "name": described["name"],
            "value": cut(described["value"], _VALUE_LIMIT_CHARS),
            "traceback": cut(described["traceback"], _TRACEBACK_LIMIT_CHARS),
        }
        data, metadata = {}, {}
    publish("evaluated", data, metadata, refuse=leave_out, head=head)
