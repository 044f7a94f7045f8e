"""A worker that breaks the protocol of the pipe. Each fault is a function below or a row of a table.

    faulty_worker.py FAULT GATE -I -S SCRIPT OUT DISPLAY DIE

The daemon believes that it runs the worker's script: the last arguments and the descriptors are those of
``worker/boot.py``. ``GATE`` is a FIFO at which a fault waits for the test; its end tells that the fault has happened.
"""

import contextlib
import json
import os
import signal
import sys

MIB = 1 << 20
LATER_ID = "00000000-0000-4000-8000-000000000000"  # no execution has this id
fault, gate, out_fd = sys.argv[1], sys.argv[2], int(sys.argv[-3])
unread = b""


def write(data, fd=1):
    """Write all of ``data``, by default to the daemon."""
    while data:
        data = data[os.write(fd, data) :]


def line(kind, **keys):
    return json.dumps({"type": kind, **keys}).encode() + b"\n"


def say(kind, **keys):
    write(line(kind, **keys))


def ready():
    say("ready", version=1, pid=os.getpid(), python="3.11.0")


def hear():
    """Return the daemon's next message."""
    global unread
    while b"\n" not in unread:
        data = os.read(0, 1 << 16)
        if not data:
            os._exit(0)  # the daemon has ended
        unread += data
    line, _, unread = unread.partition(b"\n")
    return json.loads(line)


def configure():
    """Act as a good worker up to the answer ``configured``."""
    ready()
    assert hear()["type"] == "configure"
    say("configured")


def begin():
    """Act as a good worker up to the first execution; return the execution's id."""
    configure()
    return hear()["id"]


def go_on():
    """Act as a good worker from now on. Each execution prints "next"."""
    while True:
        message = hear()
        write(b"next\n", out_fd)
        say("done", id=message["id"], error=None)


def stay():
    while True:
        signal.pause()


def close_channel():
    """Close the channel and the copies of it that uvloop leaves open."""
    os.close(0)
    os.close(1)
    for fd in set(map(int, os.listdir("/proc/self/fd"))) - {2, out_fd}:
        with contextlib.suppress(OSError):  # the descriptor of the listing itself
            os.close(fd)


def write_long_line():
    """Write up to 100 MB without a newline, as much as the daemon takes."""
    piece = b"x" * MIB
    for _ in range(100):
        write(piece)
    stay()


# Faults in place of "ready"; the worker is silent after a text of the table

INSTEAD_OF_READY = {
    "never_ready": b"",
    "wrong_version": line("ready", version=2, pid=os.getpid(), python="3.11.0"),
    "garbage_instead_of_ready": b"garbage\n",
    "done_instead_of_ready": line("done", id=LATER_ID, error=None),
}


def dies_instead_of_ready():
    write(b"out of order\n", 2)
    os._exit(3)


def killed_instead_of_ready():
    os.kill(os.getpid(), signal.SIGKILL)


def half_of_ready_then_ends():
    write(b'{"type":"ready","version":1,')


def half_of_ready_then_closes():
    write(b'{"type":"ready","version":1,')
    close_channel()
    stay()


def long_line_instead_of_ready():
    write_long_line()


# Faults in place of "configured"


def never_configured():
    ready()
    stay()


def ready_again():
    ready()
    hear()
    ready()
    stay()


def dies_instead_of_configured():
    ready()
    hear()
    os._exit(4)


def closes_instead_of_configured():
    ready()
    hear()
    close_channel()
    stay()


def fails_at_length():
    ready()
    hear()
    say("failed", reason="a reason " * 100_000)
    stay()


# Faults in place of the end of an execution, or after it

AT_THE_END = {
    "garbage": lambda id: b"garbage\n",
    "not_an_object": lambda id: b'["done"]\n',
    "unknown_type": lambda id: line("finished"),
    "wrong_types": lambda id: line("done", id=id, error={"name": True, "value": "", "traceback": ""}),
    "deep_nesting": lambda id: b"[" * 200_000 + b"\n",
    "deep_nesting_within_a_message": lambda id: (
        b'{"type":"done","id":"%b","error":%b}\n' % (id.encode(), b"[" * 200_000 + b"]" * 200_000)
    ),
    "invalid_utf8": lambda id: b'{"type":"done","id":"%b","error":null,"\xff":1}\n' % id.encode(),
    "lone_surrogate": lambda id: line("done", id=id, error={"name": "\ud800", "value": "", "traceback": ""}),
    "foreign_done": lambda id: line("done", id=LATER_ID, error=None),
    "foreign_exiting": lambda id: line("exiting", id=LATER_ID),
    "configured_again": lambda id: line("configured"),
    "synced": lambda id: line("synced"),
    "forked": lambda id: line("forked", pid=1),
    "reaped": lambda id: line("reaped", pid=os.getpid(), status=0),
    "done_twice": lambda id: line("done", id=id, error=None) * 2,
    "garbage_after_done": lambda id: line("done", id=id, error=None) + b"garbage\n",
    "exiting_and_stays": lambda id: line("exiting", id=id),
}


def half_a_message_then_ends():
    write(json.dumps({"type": "done", "id": begin(), "error": None}).encode())  # without its newline


def half_a_message_then_closes():
    write(json.dumps({"type": "done", "id": begin(), "error": None}).encode())
    close_channel()
    stay()


def long_line():
    begin()
    write_long_line()


def closes_its_channel():
    begin()
    close_channel()
    stay()


def ends_without_a_word():
    begin()


# Executions that do not end


def stops_reading():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure()
    stay()


def ignores_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT):
        signal.signal(number, signal.SIG_IGN)
    begin()
    write(b"on\n", out_fd)
    stay()


# Processes that hold the channel and both output pipes


def leaves_a_grandchild():
    begin()
    if not os.fork():
        os.setsid()
        stay()
    os._exit(5)


def leaves_a_grandchild_that_floods():
    begin()
    if not os.fork():
        os.setsid()
        while True:
            os.write(out_fd, b"x" * 4096)
    os._exit(5)


# After the end of an execution


def exiting_and_babbles():
    """Send messages that are valid at this moment, again and again."""
    execution_id = begin()
    say("exiting", id=execution_id)
    babble = json.dumps({"type": "done", "id": execution_id, "error": None}).encode() + b"\n"
    while True:
        write(babble * 1000)


def closes_its_channel_after_done():
    say("done", id=begin(), error=None)
    close_channel()
    stay()


def output_after_done():
    say("done", id=begin(), error=None)
    os.read(os.open(gate, os.O_RDONLY), 1)  # the client has got the end of the execution
    write(b"late", out_fd)
    write(b"late", 2)
    os.unlink(gate)
    go_on()


def closes_its_output():
    execution_id = begin()
    write(b"next\n", out_fd)
    os.close(out_fd)
    os.close(2)
    say("done", id=execution_id, error=None)
    stay()


if __name__ == "__main__":
    if fault in INSTEAD_OF_READY:
        write(INSTEAD_OF_READY[fault])
        stay()
    elif fault in AT_THE_END:
        write(AT_THE_END[fault](begin()))
        stay()
    else:
        globals()[fault]()
