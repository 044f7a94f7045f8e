"""``interpreterd doctor``."""

import errno
import http.client
import json
import shutil
import socket
import subprocess
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

from interpreterd import unix
from interpreterd.cli.checks import KERNEL_CHECKS, CheckVerdict, Finding, daemon_python
from interpreterd.cli.kernel import Kernel
from interpreterd.cli.main import echo_json
from interpreterd.cli.show import console, table
from interpreterd.http.settings import UNIX, addresses, split_address
from interpreterd.workers.script import OLDEST_PYTHON

PYTHON_TIMEOUT_S: Final = 20
ANSWER_TIMEOUT_S: Final = 5
# The modules that a worker imports; without the last it still runs.
PROBE: Final = """
import sys
lacking = []
for name in "fcntl select socket ast traceback tokenize _json _ctypes".split():
    try: __import__(name)
    except ImportError: lacking.append(name)
print(sys.implementation.name, "%d.%d.%d" % sys.version_info[:3], ",".join(lacking) or "-", sys.executable)
"""
COLOURS: Final = {CheckVerdict.OK: "green", CheckVerdict.LIMITED: "yellow", CheckVerdict.MISSING: "bold red"}
EXAMPLES: Final = """\b
Examples:
  interpreterd doctor
  interpreterd doctor --python .venv/bin/python --port 8080
  interpreterd doctor --isolation
  interpreterd doctor --json | jq '.[] | select(.verdict != "ok")'

\b
Exit status: 0, or 1 if something is missing, or if an attack passed that THREATS.md does not admit. A limited item
works; the report says up to which point."""


class Address(click.ParamType[tuple[str, ...]]):
    """The comma-separated values of ``--also-listen``."""

    name = "HOST:PORT"
    envvar_list_splitter = ","

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the addresses."""
        try:
            return addresses(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("doctor", epilog=EXAMPLES)
@click.option("--python", envvar="INTERPRETERD_PYTHON", default="python3", help="Python that runs the code.")
@click.option(
    "--host", envvar="INTERPRETERD_HOST", default="127.0.0.1", help="Address that the daemon would listen on."
)
@click.option(
    "--port",
    envvar="INTERPRETERD_PORT",
    default=3987,
    type=click.IntRange(0, 65535),
    help="Port that the daemon would listen on.",
)
@click.option(
    "--unix-socket",
    envvar="INTERPRETERD_UNIX_SOCKET",
    metavar="PATH",
    help="Unix socket that the daemon would listen on instead.",
)
@click.option(
    "also_listen",
    "--also-listen",
    "--listen",
    envvar=["INTERPRETERD_ALSO_LISTEN", "INTERPRETERD_LISTEN"],
    multiple=True,
    type=Address(),
    help="Address that the daemon would listen on as well; may be repeated.",
)
@click.option("--isolation", is_flag=True, help="Attack from isolated contexts of a private daemon, and say what held.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def command(
    python: str,
    host: str,
    port: int,
    unix_socket: str | None,
    also_listen: Iterable[Sequence[str]],
    isolation: bool,
    as_json: bool,
) -> int:
    """Say what is missing or limited on this machine. Each line has a remedy."""
    if isolation:
        return _attack(python, as_json)
    kernel = Kernel()
    findings = [daemon_python(), workers_python(python), *(check(kernel) for check in KERNEL_CHECKS)]
    findings.append(path(unix_socket) if unix_socket else address(host, port))
    findings += [also(it) for given in also_listen for it in given]
    if as_json:
        echo_json([finding.to_json() for finding in findings])
    else:
        _show(findings)
    return int(any(finding.verdict is CheckVerdict.MISSING for finding in findings))


def _attack(python: str, as_json: bool) -> int:
    """Run the attacks of THREATS.md; return 1 if one passed that is not admitted there."""
    from interpreterd.cli.attacks.campaign import attacked
    from interpreterd.cli.attacks.report import show_campaigns, to_json
    from interpreterd.model.isolation import PROFILES

    runs = attacked(PROFILES, python=python)
    if as_json:
        echo_json(to_json(runs))
    else:
        show_campaigns(runs)
    return int(any(run.failures() for run in runs))


def _show(findings: list[Finding]) -> None:
    from rich.text import Text

    rows = [
        (it.check, Text(it.verdict, COLOURS[it.verdict]), f"{it.found}; {it.advice}" if it.advice else it.found)
        for it in findings
    ]
    console().print(table(("CHECK", "", "FOUND"), rows, wrap=("FOUND",)))


def workers_python(python: str) -> Finding:
    """Run the workers' interpreter, and judge it."""
    check, advice = "workers' Python", "name another: --python PATH, CPython 3.9 or newer"
    path = shutil.which(python)
    if path is None:
        return Finding(check, CheckVerdict.MISSING, f"{python} not found", advice)
    try:
        ran = subprocess.run(
            [path, "-I", "-S", "-c", PROBE], stdin=subprocess.DEVNULL, capture_output=True, timeout=PYTHON_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return Finding(check, CheckVerdict.MISSING, f"{path} did not answer within {PYTHON_TIMEOUT_S} s", advice)
    except OSError as error:
        return Finding(check, CheckVerdict.MISSING, f"{path}: {error.strerror}", advice)
    words = ran.stdout.decode(errors="replace").strip().split(" ", 3)
    if ran.returncode or len(words) != 4:
        return Finding(check, CheckVerdict.MISSING, f"{path} is not a Python", advice)
    return judge_python(*words)


def judge_python(kind: str, version: str, lacking: str, executable: str) -> Finding:
    """Judge an interpreter by its own answers."""
    check, found = "workers' Python", f"{kind} {version}, {executable}"
    if tuple(map(int, version.split(".")[:2])) < OLDEST_PYTHON:
        return Finding(check, CheckVerdict.MISSING, found, "too old: name a CPython 3.9 or newer with --python PATH")
    if lacking == "_ctypes":
        advice = "it has no _ctypes: processes of a context can outlive it, and no allocation is refused at once"
        return Finding(check, CheckVerdict.LIMITED, found, advice)
    if lacking != "-":
        return Finding(check, CheckVerdict.MISSING, found, f"it lacks {lacking}: name another with --python PATH")
    if kind != "cpython":
        return Finding(check, CheckVerdict.LIMITED, found, "workers are made for CPython")
    return Finding(check, CheckVerdict.OK, found)


def address(
    host: str, port: int, advice: str = "name another: --host, --port", in_use: str = "--port 0 picks a free one"
) -> Finding:
    """Judge whether a daemon can listen on ``host`` and ``port``, or does."""
    check, where = "address", f"port {port} on {host}"
    try:
        family, kind, protocol, _, name = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(name)
            probe.listen()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return Finding(check, CheckVerdict.MISSING, f"{where}: {error.strerror}", advice)
        version = _daemon(host, port)
        if version is None:
            found = f"{where} is in use by another program"
            return Finding(check, CheckVerdict.MISSING, found, in_use)
        return Finding(check, CheckVerdict.OK, f"{where}: interpreterd {version} answers")
    return Finding(check, CheckVerdict.OK, f"{where} is free")


def also(name: str) -> Finding:
    """Judge whether a daemon can listen on an address of ``--also-listen``, or does."""
    if name.startswith(UNIX):
        return path(name.removeprefix(UNIX), advice=f"name another: --also-listen {UNIX}PATH")
    advice = "name another: --also-listen HOST:PORT"
    return address(*split_address(name), advice=advice, in_use=advice)


def path(name: str, advice: str = "name another: --unix-socket PATH") -> Finding:
    """Judge whether a daemon can listen on a unix socket, or a program does. A stale socket is removed."""
    try:
        with unix.bound(name):
            return Finding("address", CheckVerdict.OK, f"{name} is free")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return Finding("address", CheckVerdict.OK, f"a program listens on {name}")
        return Finding("address", CheckVerdict.MISSING, f"{name}: {error.strerror}", advice)


def _daemon(host: str, port: int) -> str | None:
    """Return the version of the daemon that answers there; None if it is another program."""
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/version")
        answer = json.loads(connection.getresponse().read(1 << 16))
        return str(answer["version"]) if isinstance(answer, dict) and "worker" in answer else None
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return None
    finally:
        connection.close()
