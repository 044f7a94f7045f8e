"""Notebook syntax as Python: ``!command``, ``%magic``, ``%%magic``, ``object?``, and code that is indented as a whole.

Only for cells that are no Python. Each line stays where it is, so tracebacks show the lines of the user's text. The
lines become calls of ``magics.Notebook``, which is then in ``builtins`` under ``NAME``.
"""

import re
from _ast import AST, Expr, PyCF_ONLY_AST

NAME = "__interpreterd__"
AWAIT = 0x2000  # PyCF_ALLOW_TOP_LEVEL_AWAIT of ast
LINE = frozenset(
    [
        "alias_magic",
        "autoreload",
        "cat",
        "cd",
        "colors",
        "conda",
        "config",
        "cp",
        "env",
        "less",
        "load_ext",
        "ls",
        "lsmagic",
        "mamba",
        "matplotlib",
        "mkdir",
        "more",
        "mv",
        "pip",
        "precision",
        "pwd",
        "pylab",
        "reload_ext",
        "reset",
        "rm",
        "rmdir",
        "run",
        "set_env",
        "sx",
        "system",
        "time",
        "timeit",
        "uv",
        "who",
        "who_ls",
        "whos",
        "xmode",
    ]
)
SCRIPTS = frozenset(["bash", "sh", "script", "python", "python3", "perl", "ruby"])
MARKUP = {
    "html": "text/html",
    "HTML": "text/html",
    "markdown": "text/markdown",
    "latex": "text/latex",
    "svg": "image/svg+xml",
    "SVG": "image/svg+xml",
    "javascript": "application/javascript",
    "js": "application/javascript",
}
CELL = SCRIPTS | MARKUP.keys() | {"capture", "time", "timeit", "writefile", "file", "sx", "system"}
_AROUND = ("time", "capture")
_MAGIC = re.compile(r"(%%?)([A-Za-z_][\w.]*)(?:\s+(.*))?$", re.DOTALL)
_ASSIGNMENT = re.compile(r"([\w\s.,*()\[\]]+?)=\s*(!|%(?=[A-Za-z_]))(.*)$", re.DOTALL)
_NAME = r"%{0,2}[^\W\d]\w*(?:\.\w+|\[-?\d+\]|\['\w*'\]|\[\"\w*\"\])*"
_QUESTION = re.compile(rf"(?:(\?\??)\s*({_NAME})|({_NAME})\s*(\?\??))\s*;?$")


class UsageError(SyntaxError):
    """A line of notebook syntax that is not known here, or is wrong."""

    __module__ = "builtins"  # so tracebacks show no module


class Cell:
    """The cell ``source`` as Python.

    Attributes:
        text: Python, or the user's own text if nothing in it is notebook syntax.
        around: Names of magics around the cell, the outermost first, with the rest of their lines.
        is_changed: Whether there is anything else but Python.
    """

    def __init__(self, source, filename):
        self.around = []
        self._filename = filename
        self._lines = source.split("\n")
        self._magic_lines = set()
        self._depth, self._quote, self._continued = 0, None, False
        self._dedent()
        lines = self._lines[:]
        at = self._cell_magics()
        while at < len(self._lines):
            at = self._line(at)
        self.is_changed = bool(self._magic_lines) or lines != source.split("\n")
        self.text = "\n".join(self._lines)

    def compiled(self, kind, flags, source):
        """Return the code objects of the cell, by ``kind`` of ``compiling``. Raises SyntaxError."""
        try:
            try:
                return self._compiled(kind, flags)
            except SyntaxError as error:
                if "outside" not in str(error.msg):
                    raise
            return self._compiled(kind, flags | AWAIT)
        except SyntaxError as error:
            lines = source.split("\n")
            if error.lineno in self._magic_lines and error.lineno <= len(lines):
                error.text = lines[error.lineno - 1]
            raise

    def _compiled(self, kind, flags):
        tree = compile(self.text, self._filename, "exec", flags | PyCF_ONLY_AST | (flags & AWAIT), True)
        self._forget_columns(tree)
        return kind(self.text, self._filename, flags, tree)

    def _forget_columns(self, node):
        """Let no traceback underline what the user has not written."""
        for name in node._fields:
            value = getattr(node, name, None)
            for child in value if type(value) is list else (value,):
                if isinstance(child, AST):
                    if getattr(child, "lineno", None) in self._magic_lines and type(child) is not Expr:
                        child.col_offset = child.end_col_offset = -1
                        child.end_lineno = child.lineno
                    self._forget_columns(child)

    def _dedent(self):
        """Take the indent of the first line from all lines that have it."""
        for line in self._lines:
            if line.strip():
                indent = line[: len(line) - len(line.lstrip(" \t"))]
                if indent:
                    self._lines = [each.removeprefix(indent) for each in self._lines]
                return

    def _cell_magics(self):
        """Replace the magics of the whole cell; return the number of the first line that is code."""
        at = 0
        while True:
            while at < len(self._lines) and not self._lines[at].strip():
                at += 1
            if at == len(self._lines) or not self._lines[at].startswith("%%"):
                return at
            found = _MAGIC.match(self._lines[at].rstrip())
            name, rest = (found[2], found[3] or "") if found else (self._lines[at][2:].strip(), "")
            if name not in CELL:
                self._refuse(at, f"the cell magic %%{name} is not known; known are {_listed(CELL, '%%')}")
            self._magic_lines.add(at + 1)
            if name not in _AROUND:
                body = "\n".join(self._lines[at + 1 :])
                self._lines[at] = f"{NAME}.cell({name!r}, {rest!r}, {body!r})"
                del self._lines[at + 1 :]
                return len(self._lines)
            self.around.append((name, rest))
            self._lines[at] = ""
            at += 1

    def _line(self, at):
        """Replace a line, or look where its brackets and strings end; return the number of the next line."""
        line = self._lines[at]
        if self._depth or self._quote or self._continued:
            self._skip(line)
            return at + 1
        text, end = line, at + 1
        while text.endswith("\\") and end < len(self._lines):
            text, end = f"{text[:-1]} {self._lines[end].lstrip()}", end + 1
        new = self._replaced(at, text.strip())
        if new is None:
            self._skip(line)
            return at + 1
        indent = line[: len(line) - len(line.lstrip())]
        self._lines[at:end] = [indent + new] + [""] * (end - at - 1)
        self._magic_lines.add(at + 1)
        return end

    def _replaced(self, at, text):
        """Return Python for the line ``text``, or None if it is no notebook syntax."""
        question = _QUESTION.match(text)
        if question is not None:
            name, marks = question[2] or question[3], question[1] or question[4]
            return f"{NAME}.help({name!r}, {len(marks)})"
        if text.startswith("!!"):
            return f"{NAME}.output({text[2:].strip()!r})"
        if text.startswith("!"):
            return f"{NAME}.system({text[1:].strip()!r})"
        if text.startswith("%"):
            return self._magic(at, text)
        assignment = _ASSIGNMENT.match(text)
        if assignment is None:
            return None
        target, mark, rest = assignment.groups()
        if mark == "!":
            return f"{target}= {NAME}.output({rest.lstrip('!').strip()!r})"
        return f"{target}= {self._magic(at, mark + rest)}"

    def _magic(self, at, text):
        found = _MAGIC.match(text)
        if found is None:
            return None
        marks, name, rest = found[1], found[2], found[3] or ""
        if marks == "%%":
            self._refuse(at, f"the cell magic %%{name} must be on the first line of the cell")
        if name not in LINE:
            self._refuse(at, f"the line magic %{name} is not known; known are {_listed(LINE, '%')}")
        if name == "time":
            return self._timed(at, rest)
        end = ";" if rest.rstrip().endswith(";") else ""
        rest = rest.rstrip().rstrip(";") if end else rest
        return f"{NAME}.line({name!r}, {rest!r}){end}"

    def _timed(self, at, code):
        """Return Python that runs ``code`` and prints the time that it took."""
        from ast import unparse

        end = ";" if code.rstrip().endswith(";") else ""
        try:
            tree = compile(code.strip().rstrip(";"), self._filename, "eval", PyCF_ONLY_AST | AWAIT, True)
            return f"{NAME}.timed({NAME}.now(), ({unparse(tree)})){end}"
        except SyntaxError:
            pass
        try:
            tree = compile(code.strip(), self._filename, "exec", PyCF_ONLY_AST | AWAIT, True)
        except SyntaxError as error:
            self._refuse(at, f"the code of %time is wrong: {error.msg}")
        statements = [unparse(statement) for statement in tree.body]
        if any("\n" in statement for statement in statements):
            return f"{NAME}.run_timed({code!r})"
        return "; ".join([f"{NAME}.begin()", *statements, f"{NAME}.end()"])

    def _skip(self, line):
        """Notice which brackets and strings ``line`` leaves open."""
        at, self._continued = 0, False
        while at < len(line):
            character = line[at]
            if self._quote:
                if character == "\\":
                    at += 1
                elif line.startswith(self._quote, at):
                    at += len(self._quote) - 1
                    self._quote = None
            elif character == "#":
                break
            elif character in "\"'":
                self._quote = character * 3 if line.startswith(character * 3, at) else character
                at += len(self._quote) - 1
            elif character in "([{":
                self._depth += 1
            elif character in ")]}":
                self._depth = max(0, self._depth - 1)
            elif character == "\\" and at == len(line) - 1:
                self._continued = True
            at += 1
        if self._quote and len(self._quote) == 1 and not line.endswith("\\"):
            self._quote = None

    def _refuse(self, at, message):
        raise UsageError(message, (self._filename, at + 1, 1, self._lines[at])) from None


def _listed(names, marks):
    return ", ".join(marks + name for name in sorted(names))
