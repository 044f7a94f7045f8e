"""The modules that ``serve`` imports before and after it forks the guard."""

import subprocess
import sys

from command import environment


def printed(script: str) -> list[str]:
    """Run code in a new Python; return its output as words."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment()).stdout.split()


def test_serve_imports_nothing_of_the_command_line() -> None:
    """The command line's modules would make the daemon's start slower and its memory larger."""
    imported = printed(
        "import sys, interpreterd.__main__, interpreterd.start, interpreterd.daemon; print(*sys.modules)"
    )
    unwanted = ("click", "rich", "prompt_toolkit", "interpreterd.cli", "interpreterd.client")
    assert [name for name in imported if name.startswith(unwanted)] == []
    assert "interpreterd.dialects.native.contexts" in imported


def test_serve_reads_no_certificates_and_leaves_all_as_it_was() -> None:
    script = """
import gc, ssl
from interpreterd.start import _quick_imports
before = ssl.create_default_context, ssl.SSLContext.set_default_verify_paths
with _quick_imports():
    import aiohttp.connector
    assert not gc.isenabled()
made = aiohttp.connector._SSL_CONTEXT_VERIFIED
print(type(made).__name__, made.verify_mode.name, made.check_hostname, gc.isenabled())
print((ssl.create_default_context, ssl.SSLContext.set_default_verify_paths) == before)
"""
    assert printed(script) == ["_ReadLater", "CERT_REQUIRED", "True", "True", "True"]


def test_signals_are_received_again() -> None:
    code = """
import signal
from interpreterd import start
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
start._receive_signals()
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL)
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set() True\n"
