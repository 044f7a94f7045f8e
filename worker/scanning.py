"""Code before a cursor as tokens, also if it is incomplete; and the value of an expression, without running code."""

import builtins

from worker.objects import Instance, Unknown, attribute
from worker.standard import import_standard

_OPEN, _CLOSED = "([{", ")]}"
_Method = type(Instance(object).__init__)
_SIMPLE = (str, bytes, list, tuple, dict)
_re = import_standard("re")
_TOKEN = _re.compile(
    r"(?P<space>[^\S\n]+|\\\r?\n)|(?P<comment>\#[^\n]*)"
    r"|(?P<string>[rbuftRBUFT]{0,2}(?:\"{3}|'{3}|\"|'))"
    r"|(?P<number>\d[\w.]*|\.\d[\w.]*)|(?P<name>\w+)|(?P<end>[\n;])|(?P<op>.)",
    _re.S,
)


class Token:
    """A word of code: ``kind`` is name, number, string, end or op."""

    __slots__ = ("kind", "start", "stop", "text")

    def __init__(self, kind, text, start):
        self.kind, self.text, self.start, self.stop = kind, text, start, start + len(text)


class Scan:
    """The tokens of the statement in which ``text`` ends.

    Attributes:
        tokens: Without those of earlier statements, as far as these are complete.
        opened: The positions in ``tokens`` of brackets that are not closed.
        string: The token of the string in which ``text`` ends, or None.
        in_comment: Whether it ends in a comment.
    """

    def __init__(self, text):
        self.text, self.tokens, self.opened, self.string, self.in_comment = text, [], [], None, False
        place = 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            kind, word = found.lastgroup, found.group()
            if kind == "string":
                word = self._string(word, place)
                if self.string is not None:
                    return
            place += len(word)
            if kind == "comment":
                self.in_comment = place == len(text)
            elif kind == "end":
                if not self.opened:
                    self.tokens = []
            elif kind != "space":
                self._add(Token(kind, word, place - len(word)))

    def _add(self, token):
        if token.text in _OPEN:
            self.opened.append(len(self.tokens))
        elif token.text in _CLOSED and self.opened:
            self.opened.pop()
        self.tokens.append(token)

    def _string(self, start, place):
        """Return a whole string; if it has no end, ``string`` is its token."""
        text = self.text
        quote = start.lstrip("rbuftRBUFT")
        stop = place + len(start)
        while True:
            end = text.find(quote, stop)
            backslash = text.find("\\", stop, len(text) if end < 0 else end)
            if backslash >= 0:
                stop = backslash + 2
                continue
            line = -1 if len(quote) == 3 else text.find("\n", place + len(start), len(text) if end < 0 else end)
            if line >= 0:  # it was never closed, and the next line is another statement
                return text[place:line]
            if end < 0:
                self.string = Token("string", text[place:], place)
                return text[place:]
            return text[place : end + len(quote)]

    def primary(self, last):
        """Return the text of the expression that ends with the token at position ``last``, or None."""
        place = last
        while place >= 0:
            token = self.tokens[place]
            if token.text in _CLOSED:
                place = self._opening(place)
                if place is None:
                    return None
                if place and self.tokens[place].text != "{" and self._ends_expression(place - 1):
                    place -= 1
                    continue
            elif token.kind not in ("name", "number", "string"):
                return None
            if place > 1 and self.tokens[place - 1].text == ".":
                place -= 2
                continue
            return self.text[self.tokens[place].start : self.tokens[last].stop]
        return None

    def _ends_expression(self, place):
        token = self.tokens[place]
        is_word = token.kind == "name" and not import_standard("keyword").iskeyword(token.text)
        return is_word or token.kind == "string" or token.text in _CLOSED

    def _opening(self, place):
        depth = 0
        while place >= 0:
            depth += (self.tokens[place].text in _CLOSED) - (self.tokens[place].text in _OPEN)
            if not depth:
                return place
            place -= 1
        return None

    def called(self):
        """Return the text of the function of whose call the text is within the arguments, or None."""
        for place in reversed(self.opened):
            if self.tokens[place].text == "(" and place and self._ends_expression(place - 1):
                return self.primary(place - 1)
            if self.tokens[place].text != "(":
                return None
        return None


def evaluated(text, namespace):
    """Return the value of an expression, or raise ``Unknown``. Calls nothing; see ``objects.attribute``."""
    ast = import_standard("ast")
    try:
        node = ast.parse(f"({text})", mode="eval").body
        return _value(ast, node, namespace)
    except (SyntaxError, ValueError, RecursionError, MemoryError, KeyError, IndexError, TypeError):
        raise Unknown from None


def _value(ast, node, namespace):
    if isinstance(node, ast.Name):
        if node.id in namespace:
            return namespace[node.id]
        if node.id in vars(builtins):
            return vars(builtins)[node.id]
    elif isinstance(node, ast.Attribute):
        return attribute(_value(ast, node.value, namespace), node.attr)
    elif isinstance(node, ast.Constant):
        return node.value
    elif isinstance(node, ast.Subscript):
        value = _value(ast, node.value, namespace)
        if type(value) in _SIMPLE:
            return value[ast.literal_eval(node.slice)]
    elif isinstance(node, ast.Call):
        function = _value(ast, node.func, namespace)
        if issubclass(type(function), type):
            return Instance(function)
        function = getattr(function, "__func__", function) if type(function) is _Method else function
        returned = function.__annotations__.get("return") if type(function) is type(evaluated) else None
        if issubclass(type(returned), type):
            return Instance(returned)
    for kinds, made in (
        ((ast.List, ast.ListComp), list),
        ((ast.Dict, ast.DictComp), dict),
        ((ast.Set, ast.SetComp), set),
        ((ast.Tuple,), tuple),
        ((ast.JoinedStr,), str),
    ):
        if isinstance(node, kinds):
            return made()
    raise Unknown
