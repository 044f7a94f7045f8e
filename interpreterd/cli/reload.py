"""``interpreterd reload``."""

import http.client
import json
import os
import signal
import socket
import time
from typing import Any, Final
from urllib.parse import urlsplit

import click

from interpreterd.client.link import DEFAULT_URL

RELOAD_ANSWER_S: Final = 10.0
SUCCESSOR_LIMIT_S: Final = 90.0  # more than the daemon itself gives to a new one
SUCCESSOR_LOOK_S: Final = 0.1
pause = time.sleep  # a function of its own for tests
EXAMPLES: Final = """\b
Examples:
  interpreterd reload                   replace the daemon on port 3987 of this machine
  interpreterd reload --url unix:/run/interpreterd/socket

\b
Other signals: SIGHUP reads tokens and certificates again, SIGTERM ends the daemon."""


@click.command("reload", epilog=EXAMPLES)
@click.option(
    "--url",
    envvar="INTERPRETERD_URL",
    default=DEFAULT_URL,
    metavar="URL",
    help="Address of the daemon: http://HOST:PORT or unix:/PATH. Also INTERPRETERD_URL. Default: http://127.0.0.1:3987.",
)
def command(url: str) -> None:
    """Put a new daemon, of the installed version and with its settings read again, in the place of a running one.

    No connection is refused meanwhile. The old daemon ends when the code that runs in it has ended, or after its
    --drain-timeout. The daemon must run on this machine. Its contexts stay in the old daemon, and end with it.
    """
    old = _daemon(url)
    try:
        os.kill(old, signal.SIGUSR2)
    except OSError as error:
        raise click.ClickException(f"process {old} cannot be told: {error.strerror}") from None
    give_up_at = time.monotonic() + SUCCESSOR_LIMIT_S
    while (new := _daemon(url)) == old:
        if time.monotonic() > give_up_at:
            raise click.ClickException(f"process {old} goes on: its log says why there is no new daemon")
        pause(SUCCESSOR_LOOK_S)
    click.echo(f"process {new} has taken over from process {old}, which ends after its work")


def _daemon(url: str) -> int:
    """Return the pid of the daemon at ``url``, which is on this machine."""
    try:
        pid = int(_ask(url)["pid"])
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(
            f"no daemon answers at {url} ({getattr(error, 'strerror', None) or error})"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise click.ClickException(f"the answer of {url} is not from interpreterd") from None
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            is_here = b"serve" in file.read().split(b"\0")
    except OSError:
        is_here = False
    if not is_here:
        raise click.ClickException(f"the daemon at {url} does not run on this machine")
    return pid


def _ask(url: str) -> Any:
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "unix":
        connection = http.client.HTTPConnection("localhost", timeout=RELOAD_ANSWER_S)
        connection.sock = sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(RELOAD_ANSWER_S)
        sock.connect(parts.path)
    else:
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "localhost", parts.port, timeout=RELOAD_ANSWER_S)
    try:
        base = "" if parts.scheme == "unix" else parts.path.rstrip("/")
        connection.request("GET", f"{base}/health/ready", headers={"Connection": "close"})
        return json.loads(connection.getresponse().read(1 << 16))
    finally:
        connection.close()
