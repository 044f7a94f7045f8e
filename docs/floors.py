"""ARCHITECTURE.md's tables of rooms and files, drawn from the import contract and from docstrings.

python docs/floors.py          # rewrites them; a test compares
"""

import ast
import configparser
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
CONTRACT: Final = "importlinter:contract:floors"
BEGIN, END = "<!-- {}: begin -->", "<!-- {}: end -->"
GENERATED: Final = ("_version",)


def floors() -> list[list[str]]:
    """Return the rooms of each floor, from the lowest floor up: the layers of the import contract."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    layers = config[CONTRACT]["layers"].split("\n")
    rooms = [[room.strip(" ()") for room in layer.split("|")] for layer in layers if layer.strip()]
    return [[room for room in floor if room not in GENERATED] for floor in reversed(rooms)]


def summary(path: Path) -> str:
    """Return the first sentence of a file's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first = " ".join(text.partition("\n\n")[0].split())
    assert first, f"{path}: its docstring has to say what is in it"
    sentence = first.partition(". ")[0].removesuffix(".")
    return sentence.replace("``", "`").replace("|", "\\|")


def floor_table() -> Iterator[str]:
    """Yield the lines of the table of floors, the highest first."""
    yield "| floor | room | what it is for |"
    yield "|---|---|---|"
    for number, rooms in reversed(list(enumerate(floors()))):
        for room in rooms:
            folder = ROOT / "interpreterd" / room
            name, path = (
                (f"{room}/", folder / "__init__.py") if folder.is_dir() else (f"{room}.py", folder.with_suffix(".py"))
            )
            yield f"| {number} | `{name}` | {summary(path)} |"


def file_tables() -> Iterator[str]:
    """Yield the lines of the tables of files: one for each folder, the highest floor first, then the worker's."""
    rooms = [ROOT / "interpreterd" / room for floor in reversed(floors()) for room in floor]
    folders = [path for room in rooms if room.is_dir() for path in (room, *sorted(filter(is_package, room.rglob("*"))))]
    for folder in (*folders, ROOT / "worker"):
        files = [path for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]
        if files:
            yield f"| `{folder.relative_to(ROOT)}/` | |"
            yield "|---|---|"
            yield from (f"| `{path.name}` | {summary(path)} |" for path in files)
            yield ""


def is_package(path: Path) -> bool:
    """Return whether ``path`` is a package's folder."""
    return (path / "__init__.py").is_file()


def drawn(text: str) -> str:
    """Return ``text``, which is ARCHITECTURE.md's, with the tables as they have to be."""
    for name, lines in (("floors", floor_table()), ("files", file_tables())):
        before, begin, rest = text.partition(BEGIN.format(name))
        _, end, after = rest.partition(END.format(name))
        assert begin, f"ARCHITECTURE.md needs the line {BEGIN.format(name)!r}"
        assert end, f"ARCHITECTURE.md needs the line {END.format(name)!r}"
        text = before + begin + "\n" + "\n".join(lines).rstrip() + "\n" + end + after
    return text


if __name__ == "__main__":
    document = ROOT / "ARCHITECTURE.md"
    document.write_text(drawn(document.read_text("utf-8")), "utf-8")
