"""The command: ``interpreterd serve``, and the way to all others, which are in ``interpreterd.cli``."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from interpreterd import guard
from interpreterd.settings import Settings

PREFIX: Final = "INTERPRETERD_"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 for a daemon that cannot start, 2 for wrong usage."""
    if arguments is None:
        arguments = sys.argv[1:]
    if arguments[:1] == ["serve"] and not {"-h", "--help"}.intersection(arguments):
        return _serve(arguments[1:])
    # Not before: it would make the daemon slower to start, and larger.
    from interpreterd.cli.main import main as run_command

    return run_command(arguments)


def _serve(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="interpreterd serve", add_help=False)
    try:
        _add_settings(parser, os.environ)
    except ValueError as error:
        parser.error(str(error))
    settings = Settings(**vars(parser.parse_args(arguments)))
    if not os.path.isdir(settings.cwd):
        parser.error(f"argument --cwd: no such directory: {settings.cwd}")
    # Forked before the event loop and the large modules are there: it stays small, and no thread can hold a lock.
    the_guard = guard.start()
    from interpreterd.daemon import serve as run

    return run(settings, the_guard)


def _add_settings(parser: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    """Add one flag per setting, its default taken from the environment. Raises ValueError for a bad variable."""
    for setting in attrs.fields(Settings):
        flag = "--" + setting.name.replace("_", "-")
        variable = PREFIX + setting.name.upper()
        parse = setting.metadata["parse"]
        default = setting.default
        if variable in environ:
            try:
                default = parse(environ[variable])
                if setting.metadata["choices"] and default not in setting.metadata["choices"]:
                    raise ValueError(f"must be one of {', '.join(setting.metadata['choices'])}")
            except ValueError as error:
                raise ValueError(f"{variable}: {error}") from None
        shown = "" if setting.default in (None, (), "", False) else " (default: %(default)s)"
        keywords: dict[str, Any] = {"help": setting.metadata["help"] + shown, "default": default, "dest": setting.name}
        if setting.default is False:
            keywords["action"] = argparse.BooleanOptionalAction
        else:
            keywords |= {"type": _named(parse), "metavar": setting.name.rpartition("_")[2].upper()}
            if setting.metadata["choices"]:
                keywords |= {"choices": setting.metadata["choices"], "metavar": None}
        parser.add_argument(flag, **keywords)


def _named(parse: Any) -> Any:
    """Return ``parse`` with its own words in argparse's error."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


if __name__ == "__main__":
    sys.exit(main())
