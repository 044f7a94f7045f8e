"""The file of settings: TOML, with the names of the flags as its keys, read below flags and variables.

An error is one line that names the file, the line and the key. It is imported only if there is such a file.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

import attrs
from attrs import frozen

SIZE_LIMIT_BYTES: Final = 1 << 20
_POSITION: Final = re.compile(r" \(at line (\d+), column \d+\)$")
_END: Final = re.compile(r" \(at end of document\)$")


class BadFile(ValueError):
    """The file cannot be used. The message names it, and the line and the key as far as there are such."""


@frozen(kw_only=True)
class ConfigFile:
    """The content of a file of settings, not judged yet.

    Attributes:
        keys: Each key as it is written, and its value.
    """

    path: str
    text: str
    keys: Mapping[str, Any]

    @classmethod
    def read(cls, path: str) -> Self:
        """Read the file at ``path``. Raises ``BadFile``: it cannot be read, or is not TOML in UTF-8."""
        try:
            with open(path, "rb") as file:
                data = file.read(SIZE_LIMIT_BYTES + 1)
        except OSError as error:
            raise BadFile(f"cannot read {path}: {error.strerror or error}") from None
        if len(data) > SIZE_LIMIT_BYTES:
            raise BadFile(f"cannot read {path}: it has more than {SIZE_LIMIT_BYTES} bytes")
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise BadFile(f"{path}, line {line}: it is not UTF-8") from None
        try:
            return cls(path=path, text=text, keys=tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise BadFile(f"{path}, {_of_toml(str(error), text)}") from None
        except RecursionError:
            raise BadFile(f"{path}: its values are nested too deeply") from None

    def line(self, key: str) -> int:
        """Return the number of the line with ``key``; the first line is 1."""
        begin = re.compile(rf"""\s*(\[+\s*)?(["']?){re.escape(key)}\2\s*[=.\]]""")
        lines = self.text.split("\n")
        for number, line in enumerate(lines):
            if begin.match(line) and _is_whole("\n".join(lines[:number])):
                return number + 1
        return 1  # spelled with escapes

    def place(self, key: str) -> str:
        """Return where ``key``, or a setting of this name, is, as errors and ``interpreterd config`` tell it."""
        if key not in self.keys:
            key = next((it for it in self.keys if it.replace("-", "_") == key), key)
        return f"{self.path}, line {self.line(key)}: {key}"

    def values(self, declared: "Iterable[attrs.Attribute[Any]]") -> dict[str, Any]:
        """Return the value of each setting that is in the file, by its name or by the earlier name that is there.

        Raises:
            BadFile: A key is unknown, is there in two spellings, or has an impossible value.
        """
        known = {name: setting for setting in declared for name in (setting.name, *setting.metadata["former"])}
        values: dict[str, Any] = {}
        spelled: dict[str, str] = {}
        for key, value in self.keys.items():
            name = key.replace("-", "_")
            if name not in known:
                raise BadFile(f"{self.path}, line {self.line(key)}: {_unknown(key, known)}")
            if name in values:
                raise BadFile(f"{self.place(key)}: is the same setting as {spelled[name]}, which is there too")
            spelled[name] = key
            if name == "config":
                raise BadFile(f"{self.place(key)}: can only be a flag or a variable")
            try:
                values[name] = from_toml(value, known[name])
            except ValueError as error:
                raise BadFile(f"{self.place(key)}: {error}") from None
        return values


def from_toml(value: Any, setting: "attrs.Attribute[Any]") -> Any:
    """Return the value of ``setting`` that ``value``, of a TOML file, means; raise ValueError with its rule."""
    parse, choices = setting.metadata["parse"], setting.metadata["choices"]
    if isinstance(setting.default, bool):
        if not isinstance(value, bool):
            raise ValueError("must be true or false, without quotes")
        return value
    if isinstance(setting.default, tuple):
        if isinstance(value, str):
            return parse(value)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError("must be an array of strings")
        return parse(",".join(value)) if value else ()
    if isinstance(value, list):
        raise ValueError("must be one value, not an array")
    if not isinstance(value, str | int | float):  # a bool is an int, which no kind takes
        raise ValueError("must be a string or a number")
    if choices and value not in choices:
        raise ValueError(f"must be one of {', '.join(choices)}")
    parsed = parse(value if isinstance(value, str) else str(value))
    if isinstance(parsed, str) and not isinstance(value, str):
        raise ValueError("must be a string, in quotes")
    return parsed


def _unknown(key: str, known: Iterable[str]) -> str:
    spelled = [name.replace("_", "-") for name in known]
    near = difflib.get_close_matches(key.replace("_", "-"), spelled, n=1)
    return f"{key}: unknown key" + (f"; the nearest one is {near[0]}" if near else "")


def _of_toml(error: str, text: str) -> str:
    """Return an error of the TOML reader with its line in front."""
    if found := _POSITION.search(error):
        return f"line {found[1]}: it is not TOML: {error[: found.start()]}"
    return f"line {len(text.rstrip().splitlines()) or 1}: it is not TOML: {_END.sub('', error)} at the end of the file"


def _is_whole(text: str) -> bool:
    """Return whether ``text`` is TOML by itself: the next line is not within a string or an array."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True
