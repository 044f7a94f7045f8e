"""The first process of a pid namespace can kill itself by Python's functions."""

import signal
import subprocess

import pytest
from paths import ROOT
from unshared import need, unshared

SOURCE = (ROOT / "worker" / "first.py").read_text() + "be_mortal()\nimport signal\n"
DEADLY = {
    "os.kill(os.getpid(), 9)": signal.SIGKILL,
    "os.kill(0, signal.SIGTERM)": signal.SIGTERM,
    "os.killpg(os.getpgrp(), 15)": signal.SIGTERM,
    "os.abort()": signal.SIGABRT,
    "signal.raise_signal(signal.SIGUSR2)": signal.SIGUSR2,
    "import threading; signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)": signal.SIGUSR1,
    "signal.signal(signal.SIGINT, signal.SIG_DFL); os.kill(1, signal.SIGINT)": signal.SIGINT,
}
HARMLESS = {
    "os.kill(1, 0)": "null",
    "signal.raise_signal(signal.SIGCHLD)": "null",
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); os.kill(1, 15)": "null",
    "told = []; signal.signal(signal.SIGTERM, lambda *_: told.append(1)); os.kill(1, 15)": "told",
    "child = os.fork() or os.abort(); told = os.waitpid(child, 0)[1] & 127": "told",
}


@pytest.mark.parametrize("code", DEADLY)
def test_it_ends_with_a_status_that_names_the_signal(code: str) -> None:
    need("mount", "pid")
    with pytest.raises(subprocess.CalledProcessError) as raised:
        unshared(SOURCE + code, ("mount", "pid"))
    assert raised.value.returncode == 128 + DEADLY[code]


@pytest.mark.parametrize("code", HARMLESS)
def test_other_signals_and_other_processes_are_as_ever(code: str) -> None:
    need("mount", "pid")
    told = unshared(f"{SOURCE}null = None\n{code}\nprint(json.dumps({HARMLESS[code]}))", ("mount", "pid"))
    assert told == {"told = []": [1], "child = o": signal.SIGABRT}.get(code[:9])


def test_a_wrong_argument_is_refused_as_ever() -> None:
    need("mount", "pid")
    code = """
told = []
for call in (lambda: os.kill("x", 9), lambda: os.kill(1, 1000), lambda: signal.raise_signal(None)):
    try: call()
    except (TypeError, OSError, ValueError) as error: told.append(type(error).__name__)
import inspect, pickle
told.append([str(inspect.signature(it)) for it in (os.kill, os.abort)])
same = pickle.loads(pickle.dumps(os.kill)) is os.kill
print(json.dumps([told, os.kill.__name__, os.kill.__module__, same]))"""
    assert unshared(SOURCE + code, ("mount", "pid")) == [
        ["TypeError", "OSError", "TypeError", ["(pid, signal, /)", "()"]],
        "kill",
        "posix",
        True,
    ]
