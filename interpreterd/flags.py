"""Settings from the command line, the environment and a file: ``--port``, ``INTERPRETERD_PORT`` and ``port``."""

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

import attrs
from attrs import frozen

from interpreterd.secret import TOKEN_VARIABLE as TOKEN
from interpreterd.setting_kinds import VARIABLE_PREFIX, SettingError
from interpreterd.settings import Settings

if TYPE_CHECKING:
    from interpreterd.config_file import ConfigFile

SYSTEM_FILE: Final = "/etc/interpreterd.toml"
EARLIER: Final = ", an earlier name"


class Parser(argparse.ArgumentParser):
    """Knows the flags of ``interpreterd serve``; its result has only the flags that were given.

    A mistake ends the program with status 2 and one line on stderr.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog=prog, add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
        for setting in Settings.declared():
            for name in names_of(setting):
                if isinstance(setting.default, bool):
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

    A flag wins over a variable, and a variable over the file. If a setting's own name and an earlier one are both
    given, its own name wins.

    Attributes:
        sources: The flag, the variable or the line of the file of each setting, as it was given, and whether that is an
            earlier name. A setting that is missing here has its default.
        others: The values of flags that were added to the parser.
    """

    settings: Settings
    sources: Mapping[str, str]
    others: Mapping[str, Any]

    @classmethod
    def by(
        cls, parser: Parser, arguments: Sequence[str], environ: Mapping[str, str], *, has_token: bool = False
    ) -> Self:
        """Return the settings of all sources; for a bad one end the program, as ``parser`` does.

        ``has_token`` says that clients need a token that is not in ``environ``.
        """
        try:
            variables = from_environment(environ)
            _check_token(environ)
            flags = vars(parser.parse_args(arguments))
            file = config_file(flags.get("config", variables.get("config")), environ)
            keys = {} if file is None else file.values(Settings.declared())
        except ValueError as error:
            parser.error(str(error))
        values: dict[str, Any] = {} if file is None else {"config": file.path}
        sources: dict[str, str] = {}
        for given, spelled in ((keys, _place_in(file)), (variables, variable_of), (flags, flag_of)):
            for setting in Settings.declared():
                for name in reversed(names_of(setting)):
                    if name in given:
                        value = given.pop(name)
                        values[setting.name] = tuple(value) if setting.metadata["repeats"] else value
                        sources[setting.name] = spelled(name) + ("" if name == setting.name else EARLIER)
        try:
            settings = Settings.of(**values)
            if not os.path.isdir(settings.contexts.cwd):
                raise SettingError("cwd", f"no such directory: {settings.contexts.cwd}")
            settings.check(has_token=has_token or bool(environ.get(TOKEN)))
        except SettingError as error:
            place = sources.get(error.name, flag_of(error.name)).removesuffix(EARLIER)
            parser.error(f"{'argument ' if place.startswith('--') else ''}{place}: {error}")
        except ValueError as error:
            parser.error(f"argument --cwd: {error}")
        return cls(settings=settings, sources=sources, others=flags)

    @property
    def outdated(self) -> list[str]:
        """The sources that use an earlier name of a setting, each with the present name."""
        return [
            f"{source.removesuffix(EARLIER)} is an earlier name of {name.replace('_', '-')}"
            for name, source in self.sources.items()
            if source.endswith(EARLIER)
        ]


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


def _check_token(environ: Mapping[str, str]) -> None:
    """Raise ValueError if the environment has a token that cannot be one."""
    if text := environ.get(TOKEN):
        from interpreterd.tenants.tokens import chosen_token

        try:
            chosen_token(text)
        except ValueError as error:
            raise ValueError(f"{TOKEN}: {error}") from None


def config_file(path: str | None, environ: Mapping[str, str]) -> "ConfigFile | None":
    """Read the file of settings at ``path``; None: the first that there is; empty: none. Raises ValueError."""
    if path is None:
        path = next(filter(os.path.lexists, (SYSTEM_FILE, *_users_files(environ))), "")
    if not path:
        return None
    from interpreterd.config_file import ConfigFile  # with the TOML reader, which most daemons do not need

    return ConfigFile.read(path)


def _users_files(environ: Mapping[str, str]) -> Iterator[str]:
    base, home = environ.get("XDG_CONFIG_HOME", ""), environ.get("HOME", "")
    if not os.path.isabs(base):  # counts as unset: specifications.freedesktop.org/basedir-spec
        base = os.path.join(home, ".config")
    if os.path.isabs(base):
        yield os.path.join(base, "interpreterd", "config.toml")
        yield os.path.join(base, "interpreterd.toml")


def _place_in(file: "ConfigFile | None") -> Callable[[str], str]:
    return flag_of if file is None else file.place


def _named(parse: Any) -> Any:
    """Return ``parse`` with its own words in argparse's error."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert
