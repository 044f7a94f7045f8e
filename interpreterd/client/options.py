"""The options of a client, an execution and a context: each is described here once, for both faces."""

import difflib
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from interpreterd.client.functions import HostFunctions
from interpreterd.client.shown import Shown
from interpreterd.model.events import Failure, InputRequest

OnText = Callable[[str], object]
OnError = Callable[[Failure], object]
OnResult = Callable[[Shown], object]
OnInput = Callable[[InputRequest], object]


class Options(TypedDict, total=False):
    """How a client behaves: keywords of ``Interpreter``, ``AsyncInterpreter`` and their ``local``.

    Attributes:
        headers: Sent with every request; a proxy may need them.
        token: Sent with every request to a daemon that needs tokens, as ``Authorization: Bearer``. Default: the value
            of ``INTERPRETERD_TOKEN``; a private daemon needs none.
        tls: For a daemon at ``https``: the trusted authorities, and a certificate of the client's if the daemon wants
            one: ``ssl.create_default_context(cafile=…)``, and ``load_cert_chain`` of that. Default: the system's
            authorities, or those of the variable SSL_CERT_FILE.
        origin: The client's name, which others see that follow the same contexts; at most 200 characters. The client
            adds random digits, by which it finds its execution after a lost connection.
        reconnect_s: For how many seconds to try to reconnect to an execution after the connection has ended; each
            event restarts the count. Default 60; 0: never.
        output_limit_chars: How many characters of each stream an ``Execution`` keeps; default 64 Mi. ``cut_chars``
            counts the rest, which only callbacks and ``stream`` see.
        session: Whether all executions share one WebSocket, which halves what a short one costs. An execution whose
            events are not taken then holds up the others. Default False: each has a connection of its own.
    """

    headers: Mapping[str, str]
    token: str
    tls: ssl.SSLContext
    origin: str
    reconnect_s: float
    output_limit_chars: int
    session: bool


class StreamOptions(TypedDict, total=False):
    """How code is run: keywords of ``stream``, and of ``execute``. None is the same as leaving one out.

    Attributes:
        timeout: Whole seconds after its start until it is interrupted. Default 600; 0: no timeout.
        grace_s: Seconds it may go on after an interrupt, before its Python is killed; at most, and by default, the
            daemon's ``--grace-s``.
        envs: Environment variables for this execution only.
        results: Whether the value of the last expression is sent; default True.
        interactive: Whether the values of expressions are printed, as at Python's own prompt.
        files: Whether ``Execution.files`` lists what the code has made or changed below the context's directory.
        charts: Whether a figure of matplotlib comes with its data, as ``application/vnd.interpreterd.chart+json``.
        image_format: ``"png"`` or ``"svg"``: the format of figures.
        silent: Whether it neither counts in ``executionCount`` nor has a result; what it prints is as usual.
        counted: Whether it counts, and is in the context's history; default True.
        expressions: Python expressions by names of yours: after the code, ``Execution.expressions`` has their values.
        stop_on_error: Whether an exception cancels the waiting executions of this client in the same context.
        checkpoint: Whether to keep the context as it is before, so that ``Context.undo`` can go back there.
        functions: Functions of this program that the code may call, by their names in the code, or a list of them. A
            coroutine function is one there, too. They run here while the code waits: coroutines on the client's event
            loop, others in threads, up to 16 at the same time. What they raise, the code gets. Their arguments come
            from the code: check them as you would check a stranger's. See docs/host-functions.md.
    """

    timeout: int | None
    grace_s: float | None
    envs: Mapping[str, str] | None
    results: bool | None
    interactive: bool | None
    files: bool | None
    charts: bool | None
    image_format: str | None
    silent: bool | None
    counted: bool | None
    expressions: Mapping[str, str] | None
    stop_on_error: bool | None
    checkpoint: bool | None
    functions: HostFunctions | None


class ExecuteOptions(StreamOptions, total=False):
    """How code is run, and the functions for its events: keywords of ``execute``, with those of ``StreamOptions``.

    ``Interpreter`` calls the functions in its caller's thread; for ``AsyncInterpreter`` they may be coroutine
    functions. While one runs, no further output is read. An exception of theirs interrupts the code.

    Attributes:
        on_stdout: Called with each piece of output.
        on_stderr: The same.
        on_error: Called with the exception that ended the code; it is in the ``Execution``, too.
        on_result: Called with the value of the last expression, and with everything that the code shows.
        on_input: Called with each question of ``input()`` and ``getpass()``, which has a ``prompt`` and says whether it
            asks for a ``password``. It returns the answer, or None for the end of the input. Without it, ``input()``
            fails.
    """

    on_stdout: OnText | None
    on_stderr: OnText | None
    on_error: OnError | None
    on_result: OnResult | None
    on_input: OnInput | None


class ContextOptions(TypedDict, total=False):
    """What a context is to be like: keywords of ``create_context``. PROTOCOL.md has their bounds.

    Attributes:
        preload: Modules that its Python has imported already: ``["numpy"]``.
        envs: Environment variables, of all that runs in it.
        metadata: Labels, by which ``list_contexts`` can find it.
        limits: What it may use, at most as much as the daemon allows: ``{"memoryBytes": 1 << 30}``.
        isolation: What its code may reach, at most as much as the daemon allows: ``"standard"``, ``"strict"``, or
            ``{"profile": "standard", "ports": [443]}``. See docs/isolation.md.
        persistent: Whether its variables are saved, so that it is there again after the daemon's end. Needs a daemon
            with ``--state-dir``, as does ``archive``.
        archive: The id or name of an archive, with whose variables it begins; ``Interpreter.load`` does this.
    """

    preload: Sequence[str] | None
    envs: Mapping[str, str] | None
    metadata: Mapping[str, str] | None
    limits: Mapping[str, float] | None
    isolation: str | Mapping[str, object] | None
    persistent: bool | None
    archive: str | None


def check_keywords(call: str, given: Mapping[str, object], known: Any) -> None:
    """Raise TypeError for a keyword of ``call`` that the TypedDict ``known`` does not have: Python lets it pass."""
    for name in given:
        if name not in known.__optional_keys__:
            names = sorted(known.__optional_keys__)
            close = difflib.get_close_matches(name, names, n=1)
            hint = f". Did you mean {close[0]!r}?" if close else f"; it takes {', '.join(names)}"
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}{hint}")
