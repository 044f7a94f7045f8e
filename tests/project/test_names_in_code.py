"""One name, one thing: no two modules of the daemon define the same public name.

Dialects do not know each other: a name of one may be a name of another, but of no module outside.
"""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from paths import ROOT

PACKAGE: Final = ROOT / "interpreterd"
GENERATED: Final = PACKAGE / "_version.py"
DIALECTS: Final = "interpreterd/dialects/"
# Names that several modules may define, each with the reason.
HONEST: Final = {
    "Context": "the client's is the daemon's, seen from the other end",
    **dict.fromkeys(
        ("ArchiveNotFound", "CheckpointNotFound", "ContextNotFound", "NotCarried", "NotSavedWhole", "NothingToUndo"),
        "the client raises it where the daemon does",
    ),
    "LimitReached": "the client raises it where the daemon does",
    "EXAMPLES": "each command's module has its own, which its help shows",
    "command": "each command's module has its own, and `cli/main.py` looks for it under this name",
    "main": "the program's entry, and that of the commands behind it",
}


def public_names(source: str) -> Iterator[tuple[str, int]]:
    """Yield the public names that a module defines at its top level, each with its line. Imports do not count."""
    for node in ast.parse(source).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names = [name]
            case ast.Assign(targets=targets):
                names = [it.id for target in targets for it in ast.walk(target) if isinstance(it, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                names = [name]
            case _:
                names = []
        yield from ((name, node.lineno) for name in names if not name.startswith("_"))


def defined_twice(modules: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    """Return the names that several modules define, with all places. ``modules`` are pairs of path and source."""
    places: dict[str, dict[str, str]] = defaultdict(dict)
    for path, source in modules:
        for name, line in public_names(source):
            places[name].setdefault(path, f"{path}:{line}")
    return {name: list(found.values()) for name, found in sorted(places.items()) if meet(found)}


def meet(paths: Iterable[str]) -> bool:
    """Return whether one module may know two of ``paths``: all but those of different dialects."""
    dialects = Counter(path.split("/")[2] if path.startswith(DIALECTS) else "" for path in paths)
    return max(dialects.values()) > 1 or (len(dialects) > 1 and "" in dialects)


def modules() -> Iterator[tuple[str, str]]:
    # The worker is another program: interpreterd/_worker is a link to its files. So is what a dialect runs in contexts.
    for path in sorted(PACKAGE.rglob("*.py")):
        if path != GENERATED and not {"_worker", "in_context"} & set(path.parts):
            yield str(path.relative_to(ROOT)), Path(path).read_text("utf-8")


def test_no_two_modules_define_the_same_name() -> None:
    found = defined_twice(modules())
    assert {name: places for name, places in found.items() if name not in HONEST} == {}


def test_what_is_excepted_is_there() -> None:
    assert set(HONEST) <= set(defined_twice(modules())), "take out what is there only once"


def test_a_name_of_two_modules_is_found_with_both_places() -> None:
    sources = {
        "a.py": "X = 1\nclass Here: ...\nasync def go(): ...",
        "b.py": "from a import Here\n_Y = X = 2\ndef go(): ...",
        "c.py": "_Y: int = 1\nif X:\n    Here = 1",
    }
    assert defined_twice(sources.items()) == {"X": ["a.py:1", "b.py:2"], "go": ["a.py:3", "b.py:3"]}


def test_a_name_of_two_dialects_is_two_things() -> None:
    one, other, outside = (f"{DIALECTS}a/x.py", "X = 1"), (f"{DIALECTS}b/x.py", "X = 1"), ("c.py", "X = 1")
    assert defined_twice([one, other]) == {}
    assert "X" in defined_twice([one, outside])
    assert "X" in defined_twice([one, (f"{DIALECTS}a/y.py", "X = 1")])


def test_a_name_that_one_module_defines_twice_is_one_thing() -> None:
    assert defined_twice([("a.py", "try:\n    pass\nfinally:\n    pass\nX = 1\nX = 2")]) == {}
