"""The guides' tables "What works", drawn from the tests in tests/clients and from its file of expected failures.

python docs/works.py          # rewrites them; a test compares

A file of tests/clients or tests/clients/programs that has a DIALECT and a CLIENT gives a row for each of its tests or
checks: the first sentence of its docstring, or else its name. In a file for Node, comments give the two names, and the
first argument of each ``check(`` is the sentence. A program whose checks are in another file names it as CHECKS.
"""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
CLIENTS: Final = ROOT / "tests" / "clients"
DAYTONA: Final = ROOT / "tests" / "daemon" / "test_sdk.py"
EXPECTED: Final = CLIENTS / "expected_failures.toml"
GUIDES: Final = {"native": "daytona.md", "e2b": "e2b.md", "jupyter": "jupyterlab.md", "opensandbox": "opensandbox.md"}
"""The guide of each dialect, which has the two lines between which its table is."""
BEGIN, END = "<!-- what works: begin -->", "<!-- what works: end -->"
_COMMENT: Final = re.compile(r"^// (dialect|client): (.+)$", re.MULTILINE)
_CHECK: Final = re.compile(r'^check\(\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)


class Shown(NamedTuple):
    """One thing that a test shows: which client of which dialect does what."""

    dialect: str
    client: str
    sentence: str


def shown(path: Path) -> Iterator[Shown]:
    """Yield what the tests or checks in ``path`` show; nothing, if it does not say of which client it is."""
    text = path.read_text("utf-8")
    if path.suffix == ".mjs":
        names = dict(_COMMENT.findall(text))
        sentences = [first_sentence(re.sub(r"\\(.)", r"\1", found)) for found in _CHECK.findall(text)]
    else:
        tree = ast.parse(text)
        names = {key.lower(): value for key, value in constants(tree).items()}
        if "checks" in names:
            tree = ast.parse((path.parent / names["checks"]).read_text("utf-8"))
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        sentences = [
            first_sentence(ast.get_docstring(it) or it.name.partition("_")[2].replace("_", " ").capitalize())
            for it in functions
            if it.name.startswith(("test_", "check_"))
        ]
    if "dialect" in names and "client" in names:
        yield from (Shown(names["dialect"], names["client"], sentence) for sentence in sentences)


def constants(tree: ast.Module) -> dict[str, str]:
    """Return the strings that DIALECT, CLIENT and CHECKS are in a module."""
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found |= {name.id: str(node.value.value) for name in node.targets if isinstance(name, ast.Name)}
    return {name: value for name, value in found.items() if name in ("DIALECT", "CLIENT", "CHECKS")}


def first_sentence(text: str) -> str:
    """Return the first sentence of a docstring, without its full stop."""
    first = " ".join(text.partition("\n\n")[0].split())
    return first.partition(". ")[0].removesuffix(".")


def expected_failures() -> Mapping[Shown, str]:
    """Return the reason of each failure that is expected."""
    tables = tomllib.loads(EXPECTED.read_text("utf-8"))
    return {
        Shown(dialect, client, sentence): reason
        for dialect, clients in tables.items()
        for client, reasons in clients.items()
        for sentence, reason in reasons.items()
    }


def everything() -> list[Shown]:
    """Return all that the tests of clients show, each thing once, in the order of the files."""
    files = sorted(
        [DAYTONA, *CLIENTS.glob("test_*.py"), *(CLIENTS / "programs").glob("*.py"), *CLIENTS.glob("programs/*.mjs")]
    )
    return list(dict.fromkeys(found for path in files for found in shown(path)))


def table(dialect: str) -> Iterator[str]:
    """Yield the lines of the table of ``dialect``: what works, then what does not."""
    expected = expected_failures()
    clients: dict[tuple[str, str], list[str]] = {}
    for it in everything():
        if it.dialect == dialect:
            clients.setdefault((it.sentence, expected.get(it, "")), []).append(it.client)
    yield "| what | with | works |"
    yield "|---|---|---|"
    for (sentence, reason), names in sorted(clients.items(), key=lambda item: bool(item[0][1])):
        cells = sentence, ", ".join(names), f"no: {reason}" if reason else "yes"
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def drawn(dialect: str, text: str) -> str:
    """Return ``text``, the guide of ``dialect``, with its table as it has to be."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"the guide of {dialect} needs the line {BEGIN!r}"
    assert end, f"the guide of {dialect} needs the line {END!r}"
    return before + begin + "\n" + "\n".join(table(dialect)) + "\n" + end + after


if __name__ == "__main__":
    for dialect, name in GUIDES.items():
        guide = ROOT / "docs" / name
        guide.write_text(drawn(dialect, guide.read_text("utf-8")), "utf-8")
