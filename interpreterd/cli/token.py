"""``interpreterd token``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from interpreterd.cli.main import echo_json
from interpreterd.cli.show import console, table
from interpreterd.model.identity import ROLES, Role
from interpreterd.tenants.rules import TENANT_KEYS, check_value
from interpreterd.tenants.token_editing import changing, toml_text, with_tenant, with_token, without_token
from interpreterd.tenants.token_file import TENANT_NAME, BadTokenFile, TokenFile, read
from interpreterd.tenants.tokens import Token, new_token

EXAMPLES: Final = """\b
Examples:
  interpreterd token create --token-file tokens --tenant acme --limit max-contexts=20
  interpreterd token create --token-file tokens --role admin --name me
  interpreterd token list --token-file tokens
  interpreterd token revoke --token-file tokens 5f0c3a9e
  interpreterd serve --token-file tokens"""
AFTERWARDS: Final = "a running daemon reads the file again at SIGHUP"
_F = TypeVar("_F", bound=Any)


def _file_option(function: _F) -> _F:
    option = click.option(
        "--token-file",
        "path",
        envvar="INTERPRETERD_TOKEN_FILE",
        required=True,
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="File of the daemon's tokens: its --token-file. Also INTERPRETERD_TOKEN_FILE.",
    )
    decorated: _F = option(function)
    return decorated


@click.group("token", epilog=EXAMPLES)
def command() -> None:
    """Create, list and revoke tokens for clients of a daemon.

    The file has only hashes of the tokens. A daemon that runs reads it again at SIGHUP.
    """


@command.command("create")
@_file_option
@click.option("--tenant", metavar="NAME", default="", help="Tenant whose contexts the token reaches.")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="tenant",
    show_default=True,
    help="admin: everything, for all tenants. tenant: everything with the tenant's contexts. read: only look at them; "
    "without a tenant, at those of all.",
)
@click.option("--name", metavar="TEXT", default="", help="A note of what the token is for.")
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="KEY=VALUE",
    help=f"What the tenant may use, if the file does not say it yet; repeatable: {', '.join(TENANT_KEYS)}.",
)
def create_command(path: Path, tenant: str, role: Role, name: str, limits: tuple[str, ...]) -> None:
    """Make a token and print it. It is shown only now."""
    if tenant and not TENANT_NAME.fullmatch(tenant):
        raise click.BadParameter(
            "must have from 1 to 64 letters, digits, dots, hyphens and underscores.", param_hint="--tenant"
        )
    if role == "tenant" and not tenant:
        raise click.UsageError("a token with the role tenant needs --tenant; --role admin needs none.")
    values = _limits(limits)
    if values and not tenant:
        raise click.UsageError("--limit needs --tenant.")
    text, token_id, sha256 = new_token()
    token = Token(id=token_id, role=role, tenant=tenant, name=name, sha256=sha256)
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        is_new = not path.exists()
        if values and not is_new and tenant in read(str(path)).rules:
            raise click.UsageError(f"{path} has a table for {tenant} already: change its limits there.")
        with changing(str(path)) as content:
            if values:
                content[0] = with_tenant(content[0], tenant, values)
            content[0] = with_token(content[0], token, created)
    except (BadTokenFile, OSError) as error:
        raise _failed(path, error) from None
    click.echo(text)
    click.echo(f"token {token_id} is in {path}; {AFTERWARDS}", err=True)


@command.command("list")
@_file_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def list_tokens(path: Path, as_json: bool) -> None:
    """List all tokens, without the tokens themselves."""
    content = _read(path)
    rows = [(it.id, it.role, it.tenant, it.name) for it in content.tokens]
    if as_json:
        echo_json([dict(zip(("id", "role", "tenant", "name"), row, strict=True)) for row in rows])
    elif rows:
        console().print(table(("TOKEN", "ROLE", "TENANT", "NAME"), rows))
    else:
        click.echo("no tokens", err=True)


@command.command("revoke")
@_file_option
@click.argument("token_id", metavar="ID")
def revoke_command(path: Path, token_id: str) -> None:
    """Remove a token. At SIGHUP the daemon closes the connections that use it."""
    _read(path)
    try:
        with changing(str(path)) as content:
            content[0] = without_token(content[0], token_id)
    except KeyError:
        raise click.ClickException(f"no token in {path} has the id {token_id}") from None
    except (BadTokenFile, OSError) as error:
        raise _failed(path, error) from None
    click.echo(f"token {token_id} is revoked; {AFTERWARDS}", err=True)


def _read(path: Path) -> TokenFile:
    try:
        return read(str(path))
    except BadTokenFile as error:
        raise click.ClickException(str(error)) from None


def _failed(path: Path, error: BadTokenFile | OSError) -> click.ClickException:
    if isinstance(error, OSError):
        return click.ClickException(f"cannot write {path}: {error.strerror or error}")
    return click.ClickException(str(error))


def _limits(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return keys and values as TOML has them. Raises ``click.BadParameter``."""
    values = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        if key not in TENANT_KEYS:
            raise click.BadParameter(f"{key!r} must be one of {', '.join(TENANT_KEYS)}.", param_hint="--limit")
        try:
            check_value(key, value)
        except ValueError as error:
            raise click.BadParameter(f"{key} {error}.", param_hint="--limit") from None
        values[key] = value if value.replace(".", "", 1).isdecimal() else toml_text(value)
    return values
