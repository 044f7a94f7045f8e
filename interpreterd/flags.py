"""Settings from the command line and the environment: ``--port`` is ``INTERPRETERD_PORT``, and the flag wins."""

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn, Self

import attrs
from attrs import frozen

from interpreterd.setting_kinds import VARIABLE_PREFIX
from interpreterd.settings import Settings

_EARLIER: Final = ", an earlier name"


class Parser(argparse.ArgumentParser):
    """Knows the flags of ``interpreterd serve``; its result has only the flags that were given.

    A mistake ends the program with status 2 and one line on stderr.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog=prog, add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
        for setting in Settings.declared():
            for name in names_of(setting):
                if setting.default is False:
                    self.add_argument(flag_of(name), action=argparse.BooleanOptionalAction, dest=name)
                else:
                    parse, choices = setting.metadata["parse"], setting.metadata["choices"] or None
                    action = "extend" if setting.metadata["repeats"] else "store"
                    self.add_argument(flag_of(name), type=_named(parse), choices=choices, dest=name, action=action)

    def error(self, message: str) -> NoReturn:
        """See ``argparse``, which would print all flags before the error."""
        self.exit(2, f"{self.prog}: error: {message}. See `{self.prog} --help`.\n")


@frozen(kw_only=True)
class Chosen:
    """Settings and their sources.

    A flag wins over a variable. If a setting's own name and an earlier one are both given, its own name wins.

    Attributes:
        sources: The flag or the variable of each setting, as it was given, and whether that is an earlier name. A
            setting that is missing here has its default.
        others: The values of flags that were added to the parser.
    """

    settings: Settings
    sources: Mapping[str, str]
    others: Mapping[str, Any]

    @classmethod
    def by(cls, parser: Parser, arguments: Sequence[str], environ: Mapping[str, str]) -> Self:
        """Return the settings of ``arguments`` and ``environ``; for a bad one end the program, as ``parser`` does."""
        try:
            variables = from_environment(environ)
        except ValueError as error:
            parser.error(str(error))
        flags = vars(parser.parse_args(arguments))
        values: dict[str, Any] = {}
        sources: dict[str, str] = {}
        for given, spelled in ((variables, variable_of), (flags, flag_of)):
            for setting in Settings.declared():
                for name in reversed(names_of(setting)):
                    if name in given:
                        value = given.pop(name)
                        values[setting.name] = tuple(value) if setting.metadata["repeats"] else value
                        sources[setting.name] = spelled(name) + ("" if name == setting.name else _EARLIER)
        try:
            settings = Settings.of(**values)
        except ValueError as error:
            parser.error(f"argument --cwd: {error}")
        if not os.path.isdir(settings.contexts.cwd):
            parser.error(f"argument --cwd: no such directory: {settings.contexts.cwd}")
        return cls(settings=settings, sources=sources, others=flags)


def names_of(setting: "attrs.Attribute[Any]") -> tuple[str, ...]:
    """Return the name of a setting, and then its earlier names, the latest first."""
    return (setting.name, *setting.metadata["former"])


def flag_of(name: str) -> str:
    """Return the flag of a setting."""
    return "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    """Return the variable of a setting."""
    return VARIABLE_PREFIX + name.upper()


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of each setting that has a variable, by the given name; raise ValueError for a bad one."""
    values = {}
    for setting in Settings.declared():
        for name in names_of(setting):
            text = environ.get(variable_of(name))
            if text is None:
                continue
            choices = setting.metadata["choices"]
            try:
                values[name] = setting.metadata["parse"](text)
                if choices and text not in choices:
                    raise ValueError(f"must be one of {', '.join(choices)}")
            except ValueError as error:
                raise ValueError(f"{variable_of(name)}: {error}") from None
    return values


def _named(parse: Any) -> Any:
    """Return ``parse`` with its own words in argparse's error."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert
