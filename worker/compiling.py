"""The code objects of a cell: they are evaluated in turn, and the value of the last one is the value of the cell.

``valued`` compiles the last expression, if that ends the cell, apart from the code before it. The text is cut at its
last line without an indent, and both parts are parsed once, so this costs what compiling the whole would. It is sound:
where the first part is complete, and the rest starts a line, both mean the same as together. Only where the place of
the cut is doubtful, the syntax tree decides, which costs half as much again.

Each function raises the exceptions of ``compile``. The syntax ``tree`` of a source is given if that is no Python; the
function may change it.
"""

PyCF_ONLY_AST = 0x400  # of _ast; importing that makes all its classes, which takes 150 KB: so it is done when needed
_STATEMENTS = frozenset(
    [
        "pass",
        "import",
        "from",
        "def",
        "class",
        "for",
        "while",
        "if",
        "else",
        "elif",
        "with",
        "try",
        "except",
        "finally",
        "async",
        "return",
        "raise",
        "del",
        "assert",
        "global",
        "nonlocal",
        "break",
        "continue",
    ]
)
_AUGMENTING = "+-*/%&|^@"  # may stand before the "=" of an assignment; "<" and ">" are left to the compiler


def plain(source, filename, flags, tree=None):
    """Compile a cell that has no value."""
    return (compile(tree or source, filename, "exec", flags, True),)


def printing(source, filename, flags, tree=None):
    """Compile a cell that prints the values of its expressions by ``sys.displayhook``, as Python's own prompt does."""
    from _ast import Interactive  # the same as in ast, without an import

    tree = tree or compile(source, filename, "exec", flags | PyCF_ONLY_AST, True)
    return (compile(Interactive(tree.body), filename, "single", flags, True),)


def valued(source, filename, flags, tree=None):
    """Compile a cell that has the value of its last expression: not of an assignment, nor before a semicolon."""
    start = None if tree else _last_line(source)
    if start is not None:
        tail = source[start:]
        is_doubtful = tail[0] in "\"'" or ";" in tail or source.endswith("\\\n", 0, start)
        if not is_doubtful and "__future__" not in source:
            if _is_statement(tail):
                return plain(source, filename, flags)
            try:
                line_ends = "\n" * source.count("\n", 0, start)
                last = compile(line_ends + tail, filename, "eval", flags, True)
                if not start:
                    return (last,)
                return compile(source[:start], filename, "exec", flags, True), last
            except SyntaxError:  # no expression, no beginning of one, or a mistake, which is raised below
                pass
    from _ast import Constant, Expr, Expression, Module

    tree = tree or compile(source, filename, "exec", flags | PyCF_ONLY_AST, True)
    body = tree.body
    last = body[-1] if body else None
    if type(last) is not Expr or _is_silenced(source, last):
        return plain(source, filename, flags, tree)
    is_docstring = len(body) == 1 and type(last.value) is Constant and type(last.value.value) is str
    first = compile(tree if is_docstring else Module(body[:-1], []), filename, "exec", flags, True)
    return first, compile(Expression(last.value), filename, "eval", flags, True)


def future_flags(source, code):
    """Return the flags that ``from __future__`` statements have set in ``code``, compiled from ``source``."""
    if "__future__" not in source:
        return 0
    import __future__

    features = [getattr(__future__, name) for name in __future__.all_feature_names]
    return code.co_flags & sum(feature.compiler_flag for feature in features)


def _last_line(source):
    """Return where the last line starts that may be the first of a statement; None if there is none."""
    end = len(source)
    while end > 0:
        start = source.rfind("\n", 0, end) + 1
        if start < end and source[start] not in " \t\f#)]}\n":
            return start
        end = start - 1
    return None


def _is_statement(tail):
    """Whether ``tail`` is certainly no expression, whether it starts in a string or in brackets or not."""
    line = tail.partition("\n")[0]
    word = line.split(None, 1)[0].rstrip(":;")
    if word not in _STATEMENTS and word[0] != "@":
        target, equals, value = line.partition("=")
        name = target.rstrip().rstrip(_AUGMENTING).replace(".", "").rstrip()
        if not equals or value[:1] == "=" or not name.isidentifier():
            return False
    return (
        tail.count(")") + tail.count("]") + tail.count("}") <= tail.count("(") + tail.count("[") + tail.count("{")
        and not tail.count('"""') % 2
        and not tail.count("'''") % 2
    )


def _is_silenced(source, last):
    """Whether a semicolon follows the expression statement ``last``. Only brackets and comments can follow as well."""
    lines = source.split("\n")[last.end_lineno - 1 :]
    lines[0] = lines[0].encode()[last.end_col_offset :].decode()
    return any(";" in line.partition("#")[0] for line in lines)
