"""The daemon that a command connects to."""

import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO, TypeVar

import click

from interpreterd.client import Interpreter
from interpreterd.client.options import Options
from interpreterd.secret import TOKEN_VARIABLE, hide_argument

_F = TypeVar("_F", bound=Callable[..., Any])
TOKEN_FILE_LIMIT_CHARS: Final = 4096
TLS_OPTIONS: Final = {
    "key": "PEM file with the private key of --tls-cert, if that does not have it.",
    "cert": "PEM file with a certificate of yours, for a daemon that wants one.",
    "ca": "PEM file with the authorities to trust, for a daemon at https. Default: the system's, or SSL_CERT_FILE.",
}
CONTEXT_HELP = "Id of the context. Default: the context 'default'."


def target_options(function: _F) -> _F:
    """Give a command ``--url`` and ``--local``, for ``opened``, and options for a token, which ``opened`` finds."""
    url = click.option(
        "--url",
        envvar="INTERPRETERD_URL",
        metavar="URL",
        help="Address of the daemon: http://HOST:PORT or unix:/PATH. Also INTERPRETERD_URL. Default: http://127.0.0.1:3987.",
    )
    local = click.option("--local", is_flag=True, help="Start a private daemon, which ends with the command.")
    token = click.option(
        "--token",
        expose_value=False,
        callback=_keep_token,
        help=f"Token for a daemon that needs one. Also {TOKEN_VARIABLE}, which other users of the machine never see.",
    )
    token_file = click.option(
        "--token-file",
        type=click.File(),
        metavar="FILE",
        expose_value=False,
        callback=_read_token,
        help="File with nothing but the token; - reads it from stdin.",
    )
    for name, text in TLS_OPTIONS.items():
        function = click.option(f"--tls-{name}", metavar="FILE", expose_value=False, callback=_keep_file, help=text)(
            function
        )
    return url(local(token(token_file(function))))


def opened(url: str | None, local: bool) -> Interpreter:
    """Return a client of the daemon that the options name."""
    if local:
        return Interpreter.local(origin="interpreterd")
    context = click.get_current_context(silent=True)
    meta = {} if context is None else context.meta
    options: Options = {"origin": "interpreterd"}
    if token := meta.get(TOKEN_VARIABLE):
        options["token"] = token
    if files := {name: meta[f"tls_{name}"] for name in TLS_OPTIONS if f"tls_{name}" in meta}:
        options["tls"] = _tls(files)
    try:
        return Interpreter(url or None, **options)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None


def _tls(files: Mapping[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=files.get("ca"))
        if "cert" in files:
            context.load_cert_chain(files["cert"], files.get("key"))
        elif "key" in files:
            raise click.BadParameter("it needs --tls-cert as well.", param_hint="--tls-key")
    except OSError as error:  # SSLError is one
        raise click.BadParameter(
            f"{', '.join(files.values())}: {error.strerror or error}.", param_hint="--tls"
        ) from None
    return context


def _keep_file(ctx: click.Context, parameter: click.Parameter, path: str | None) -> None:
    if path is not None:
        ctx.meta[str(parameter.name)] = path


def _keep_token(ctx: click.Context, parameter: click.Parameter, token: str | None) -> None:
    if token:
        hide_argument(token)
        ctx.meta[TOKEN_VARIABLE] = token


def _read_token(ctx: click.Context, parameter: click.Parameter, file: TextIO | None) -> None:
    if file is not None:
        token = file.read(TOKEN_FILE_LIMIT_CHARS).strip()
        if not (token.isascii() and token.isprintable()) or not token or " " in token:
            raise click.BadParameter(f"{file.name} must have a token, and nothing else.", param_hint="--token-file")
        ctx.meta[TOKEN_VARIABLE] = token
