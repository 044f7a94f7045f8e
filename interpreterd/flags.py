"""Settings from the command line and the environment: ``--port`` is ``INTERPRETERD_PORT``, and the flag wins."""

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn, Self

import attrs
from attrs import frozen

from interpreterd.settings import Settings

PREFIX: Final = "INTERPRETERD_"


class Parser(argparse.ArgumentParser):
    """Knows the flags of ``interpreterd serve``; its result has only the flags that were given.

    A mistake ends the program with status 2 and one line on stderr.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog=prog, add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
        for setting in attrs.fields(Settings):
            if setting.default is False:
                self.add_argument(flag(setting.name), action=argparse.BooleanOptionalAction, dest=setting.name)
            else:
                parse, choices = setting.metadata["parse"], setting.metadata["choices"] or None
                self.add_argument(flag(setting.name), type=_named(parse), choices=choices, dest=setting.name)

    def error(self, message: str) -> NoReturn:
        """See ``argparse``, which would print all flags before the error."""
        self.exit(2, f"{self.prog}: error: {message}. See `{self.prog} --help`.\n")


@frozen(kw_only=True)
class Chosen:
    """Settings and their sources; a setting in neither mapping has its default.

    Attributes:
        flags: Name and value of each setting that has a flag.
        variables: Name and value of each setting that has a variable; a flag may have another value.
        others: The values of flags that were added to the parser.
    """

    settings: Settings
    flags: Mapping[str, Any]
    variables: Mapping[str, Any]
    others: Mapping[str, Any]

    @classmethod
    def by(cls, parser: Parser, arguments: Sequence[str], environ: Mapping[str, str]) -> Self:
        """Return the settings of ``arguments`` and ``environ``; for a bad one end the program, as ``parser`` does."""
        try:
            variables = from_environment(environ)
        except ValueError as error:
            parser.error(str(error))
        others = vars(parser.parse_args(arguments))
        flags = {setting.name: others.pop(setting.name) for setting in attrs.fields(Settings) if setting.name in others}
        try:
            settings = Settings(**{**variables, **flags})
        except ValueError as error:
            parser.error(f"argument --cwd: {error}")
        if not os.path.isdir(settings.cwd):
            parser.error(f"argument --cwd: no such directory: {settings.cwd}")
        return cls(settings=settings, flags=flags, variables=variables, others=others)


def flag(name: str) -> str:
    """Return the flag of a setting."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """Return the variable of a setting."""
    return PREFIX + name.upper()


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that have a variable, by name. Raises ValueError for a bad value, and names its variable."""
    values = {}
    for setting in attrs.fields(Settings):
        text = environ.get(variable(setting.name))
        if text is None:
            continue
        choices = setting.metadata["choices"]
        try:
            values[setting.name] = setting.metadata["parse"](text)
            if choices and text not in choices:
                raise ValueError(f"must be one of {', '.join(choices)}")
        except ValueError as error:
            raise ValueError(f"{variable(setting.name)}: {error}") from None
    return values


def _named(parse: Any) -> Any:
    """Return ``parse`` with its own words in argparse's error."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert
