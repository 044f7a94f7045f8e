"""Completion by the live namespace: names, attributes, keyword arguments, keys, modules, paths."""

import builtins
import os

from worker.looking import TEXT_LIMIT_CHARS
from worker.objects import Instance, Unknown, attribute, kind_of, names_of
from worker.scanning import Scan, evaluated
from worker.standard import import_standard

LIMIT = 1000
_NAME_LIMIT_CHARS = 1000
_KEYS_LIMIT = 100_000
_TYPES = {"value": "instance"}


def complete(code, cursor, namespace):
    """Return ``{"matches", "types", "cursorStart", "cursorEnd", "omitted"}``."""
    text = code[:cursor]
    scan = Scan(text)
    prefix, found = "", {}
    if scan.string is not None:
        return _in_string(scan, cursor, namespace)
    if not scan.in_comment:
        prefix = _take_prefix(scan)
        if prefix is not None:
            found = _matches(scan, prefix, namespace)
    return _answer(prefix or "", found, cursor)


def _take_prefix(scan):
    """Return the name in which the code ends, and remove its token; None within a number."""
    last = scan.tokens[-1] if scan.tokens else None
    if last is None or last.stop < len(scan.text) or last.kind not in ("name", "number"):
        return ""
    if last.kind == "number":
        return None
    scan.tokens.pop()
    return last.text


def _answer(prefix, found, cursor):
    """Return the matches of a name. Private ones come only when they are asked for."""
    wanted = prefix if prefix.isascii() else import_standard("unicodedata").normalize("NFKC", prefix)
    if not wanted.startswith("_"):
        found = {name: kind for name, kind in found.items() if not name.startswith("_")}
    answer = _answer_exactly(wanted, found, cursor)
    return {**answer, "cursorStart": cursor - len(prefix)}


def _matches(scan, prefix, namespace):
    tokens = scan.tokens
    if tokens and tokens[0].text in ("import", "from"):
        from worker.modules import importable

        return importable([token.text for token in tokens], namespace)
    if tokens and tokens[-1].text == ".":
        return _attributes(scan.primary(len(tokens) - 2), namespace)
    found = dict.fromkeys(import_standard("keyword").kwlist, "keyword")
    for names in (vars(builtins), namespace):
        found.update(dict.fromkeys([name for name in list(names) if type(name) is str], _teller(names)))
    if tokens and tokens[-1].text in ("(", ","):
        found.update(_arguments(scan.called(), namespace))
    if tokens and tokens[-1].text == "[" and scan.opened and not prefix:
        keys = _keys(scan, len(tokens) - 2, namespace)
        return {**{repr(key): "instance" for key in keys}, **found}
    return found


def _teller(names):
    def tell(name):
        return _type(names[name]) if name in names else "instance"

    return tell


def _type(value):
    kind = kind_of(value)
    return _TYPES.get(kind, kind)


def _attributes(text, namespace):
    if text is None:
        return {}
    try:
        value = evaluated(text, namespace)
    except Unknown:
        return {}

    def tell(name):
        try:
            return _type(attribute(value, name))
        except Unknown:
            return "instance"

    return dict.fromkeys([name for name in names_of(value) if name.isidentifier()], tell)


def _arguments(text, namespace):
    """Return the keywords of a call."""
    if text is None:
        return {}
    try:
        function = evaluated(text, namespace)
        if type(function) is Instance:
            return {}
        parameters = import_standard("inspect").signature(function).parameters.values()
        return {it.name + "=": "param" for it in parameters if it.kind in (it.POSITIONAL_OR_KEYWORD, it.KEYWORD_ONLY)}
    except Exception:  # of user code, which a signature may run; or there is none
        return {}


def _keys(scan, last, namespace):
    """Return the keys of the dict, or the columns of the frame, that ends with the token at position ``last``."""
    text = scan.primary(last) if last >= 0 else None
    if text is None:
        return []
    try:
        value = evaluated(text, namespace)
        if issubclass(type(value), dict):
            keys = list(dict.keys(value))
        else:
            keys = list(value.columns) if _is_frame(value) else []
    except Exception:
        return []
    return [key for key in keys[:_KEYS_LIMIT] if type(key) is str]


def _is_frame(value):
    module = type(value).__dict__.get("__module__")
    return type(module) is str and module.partition(".")[0] in ("pandas", "polars")


def _in_string(scan, cursor, namespace):
    string = scan.string
    quote = string.text.lstrip("rbuftRBUFT")[:1]
    head = string.text.partition(quote)[0].lower()
    content = string.text[len(head) :].lstrip(quote)
    if "f" in head and content.rpartition("{")[2].count("}") == 0 and "{" in content:
        inner = content.rpartition("{")[2]
        found = complete(inner, len(inner), namespace)
        moved = cursor - len(inner)
        return {**found, "cursorStart": found["cursorStart"] + moved, "cursorEnd": cursor}
    if scan.tokens and scan.tokens[-1].text == "[" and scan.opened:
        keys = _keys(scan, len(scan.tokens) - 2, namespace)
        if keys:
            fitting = {_escaped(key, quote): "instance" for key in keys}
            return _answer_exactly(content, fitting, cursor)
    return _answer_exactly(content.rpartition("/")[2], _paths(content), cursor)


def _answer_exactly(prefix, found, cursor):
    """Return the matches among ``found``, names with their types or functions that tell these."""
    fitting = sorted(name for name in found if name.startswith(prefix) and len(name) <= _NAME_LIMIT_CHARS)
    kept, chars = [], 0
    for name in fitting[:LIMIT]:
        chars += len(name)
        if chars > TEXT_LIMIT_CHARS:
            break
        kept.append(name)
    return {
        "matches": kept,
        "types": [found[name] if type(found[name]) is str else found[name](name) for name in kept],
        "cursorStart": cursor - len(prefix),
        "cursorEnd": cursor,
        "omitted": len(fitting) - len(kept),
    }


def _escaped(key, quote):
    """Return ``key`` as it stands between two of ``quote``."""
    return (
        key.encode("unicode_escape").decode()
        if not key.isprintable()
        else key.replace("\\", "\\\\").replace(quote, "\\" + quote)
    )


def _paths(content):
    """Return the files that a string may name; a directory ends with a slash."""
    folder = content.rpartition("/")[0]
    if "\n" in content or "\0" in content or not content:
        return {}
    found = {}
    try:
        with os.scandir(folder or ("/" if content.startswith("/") else ".")) as entries:
            for entry in entries:
                if len(found) > _KEYS_LIMIT:
                    break
                found[entry.name + ("/" if entry.is_dir() else "")] = "path"
    except (OSError, ValueError):
        return {}
    return {name: kind for name, kind in found.items() if name.isprintable()}
