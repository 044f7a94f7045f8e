"""Whether code could be run as it is, or needs more lines: as at Python's own prompt."""

from worker.standard import import_standard

_INDENT = "    "
_PyCF_ALLOW_TOP_LEVEL_AWAIT = 0x2000  # of ast
_LIMIT_CHARS = 1 << 20  # beyond, the answer is ``unknown``


def completeness(source):
    """Return ``{"status", "indent"}``."""
    if len(source) > _LIMIT_CHARS:
        return {"status": "unknown", "indent": ""}
    if not source.strip():
        return {"status": "complete", "indent": ""}
    warnings = import_standard("warnings")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            status = _status(source.replace("\r\n", "\n").replace("\r", "\n"))
    except (MemoryError, RecursionError):
        return {"status": "unknown", "indent": ""}
    return {"status": status, "indent": _indent(source) if status == "incomplete" else ""}


def _status(source):
    codeop = import_standard("codeop")
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= _PyCF_ALLOW_TOP_LEVEL_AWAIT
    stripped = source.rstrip(" \t")
    failed = None
    # Only 'single' knows that an empty line ends an indented block, only 'exec' takes several statements.
    for symbol in ("single", "exec"):
        try:
            if compiler(stripped, "<code>", symbol) is None:
                return "incomplete"
            return "incomplete" if _is_open_block(stripped) else "complete"
        except (SyntaxError, ValueError, OverflowError) as error:
            failed = error
    return _status_of_notebook(source, failed)


def _status_of_notebook(source, failed):
    """Return the status of code that is no Python; lines of notebook syntax are complete."""
    first = source.lstrip()
    if first.startswith("%%"):
        return "complete" if source.endswith("\n") or "\n" not in first else "incomplete"
    lines = source.split("\n")
    known = [line for line in lines if line.lstrip()[:1] in ("!", "%", "?") or line.rstrip().endswith("?")]
    if not known:
        known = [line for line in lines if "= !" in line or "= %" in line or "=!" in line or "=%" in line]
    if known:
        rest = [line[: len(line) - len(line.lstrip())] + "pass" if line in known else line for line in lines]
        return _status("\n".join(rest))
    return "invalid"


def _is_open_block(source):
    """Whether the last line is in the block of a compound statement, which an empty line would end."""
    if source.endswith("\n"):
        return False
    ast = import_standard("ast")
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):  # await outside a function, in an older Python
        return source.rpartition("\n")[2][:1] in (" ", "\t")
    last = body[-1] if body else None
    return bool(getattr(last, "body", None)) and isinstance(last.body, list) and last.end_lineno > last.lineno


def _indent(source):
    """Return the indent of the next line."""
    line = source.rstrip().rpartition("\n")[2]
    indent = line[: len(line) - len(line.lstrip())]
    return indent + _INDENT if line.rstrip().endswith(":") else indent
