"""A confined process reaches its own servers on this machine, and no others, whatever it does while it is judged."""

import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from notifying import notifying

from interpreterd.processes.notifications import CallListener
from interpreterd.workers.isolation.switchboard import Switchboard


@pytest.fixture
async def board() -> AsyncIterator[Switchboard]:
    board = Switchboard()
    yield board
    board.close()


async def said(board: Switchboard, code: str, *fds: int, ports: frozenset[int] = frozenset()) -> list[str]:
    """Return what ``code`` says, in a process of which all calls are answered."""
    async with notifying("import socket\n" + code, *fds) as process:
        board.add(CallListener(process.listener), process.pid, ports)
        return await process.rest()


@pytest.mark.parametrize(
    ("server", "clients"),
    [
        ("127.0.0.1", ["127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1"]),
        ("127.0.0.7", ["127.0.0.7"]),
        ("", ["127.0.0.1", "127.9.9.9", "0.0.0.0"]),
        ("::1", ["::1", "::"]),
        ("::", ["::1", "127.0.0.1", "::ffff:127.0.0.1"]),
    ],
)
async def test_a_process_reaches_its_own_server(board: Switchboard, server: str, clients: list[str]) -> None:
    code = f"""
family = socket.AF_INET6 if ":" in {server!r} else socket.AF_INET
server = socket.create_server(({server!r}, 0), family=family, dualstack_ipv6={server == "::"})
server.settimeout(20)
for client in {clients!r}:
    with socket.socket(socket.AF_INET6 if ":" in client else socket.AF_INET) as one:
        one.connect((client, server.getsockname()[1]))
        one.send(b"hello")
        accepted, _ = server.accept()
        with accepted:
            say(accepted.recv(5).decode(), one.getpeername()[1] == server.getsockname()[1])
"""
    assert await said(board, code) == ["hello True"] * len(clients)


async def test_a_server_of_the_familys_other_processes_is_its_own(board: Switchboard) -> None:
    code = """
import os
server = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:
    os.setsid()
    server.accept()[0].send(b"child")
    os._exit(0)
name = server.getsockname()
server.close()
with socket.create_connection(name) as one:
    say(one.recv(5).decode())
os.wait()
"""
    assert await said(board, code) == ["child"]


async def test_a_server_of_another_process_is_refused_and_a_port_without_one_answers_as_everywhere(
    board: Switchboard,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        name = other.getsockname()
        code = f"""
say(attempt({name!r}), attempt({name!r}, wait=False), attempt(("0.0.0.0", {name[1]})))
say(attempt(("::ffff:127.0.0.1", {name[1]}), socket.AF_INET6))
with socket.create_server(("127.0.0.1", 0)) as own:
    free = own.getsockname()
say(attempt(free), attempt(free, wait=False))
say(attempt(("127.0.0.1", 1)))
"""
        assert await said(board, code) == [
            "PermissionError PermissionError PermissionError",
            "PermissionError",
            "ConnectionRefusedError ConnectionRefusedError",
            "PermissionError",
        ]
        with pytest.raises(BlockingIOError):
            other.accept()


async def test_calls_that_are_not_for_a_server_here_are_the_kernels_to_judge(board: Switchboard) -> None:
    """Among them are calls with arguments that make no sense, and calls to a port that is allowed."""
    code = r"""
import ctypes, errno, os, struct
say(attempt(("192.0.2.1", 9)))
libc = ctypes.CDLL(None, use_errno=True)
def connect(fd, address, length):
    libc.connect.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint]
    return "ok" if libc.connect(fd, address, length) == 0 else errno.errorcode[ctypes.get_errno()]
server = socket.create_server(("127.0.0.1", 0))
right = struct.pack("=H", 2) + server.getsockname()[1].to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
with socket.socket() as one:
    say(connect(one.fileno(), 8, 16), connect(one.fileno(), 1 << 63, 16), connect(one.fileno(), right, 7))
    say(connect(one.fileno(), right, 1 << 31), connect(-1, right, 16), connect(1 << 20, right, 16))
    say(connect(os.open(os.devnull, os.O_RDWR), right, 16))
    say(connect(one.fileno(), right, 16))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.connect(("127.0.0.1", 9))
    say(one.getpeername()[1])
with socket.socket(socket.AF_UNIX) as unix, socket.socket(socket.AF_UNIX) as one:
    unix.bind("")  # at an address that the kernel chooses
    unix.listen()
    one.connect(unix.getsockname())
    say("unix")
"""
    assert await said(board, code) == [
        "PermissionError",
        "EFAULT EFAULT EINVAL",
        "EINVAL EBADF EBADF",
        "ENOTSOCK",
        "ok",
        "9",
        "unix",
    ]


async def test_a_port_that_is_allowed_is_not_looked_at(board: Switchboard) -> None:
    """Landlock allows no port in this test, so the call shows that the daemon has not connected it."""
    with socket.create_server(("127.0.0.1", 0)) as shared:
        shared.set_inheritable(True)
        code = f"say(attempt({shared.getsockname()!r}))"
        assert await said(board, code, shared.fileno()) == ["None"]
        port = shared.getsockname()[1]
        assert await said(board, code, shared.fileno(), ports=frozenset({port})) == ["PermissionError"]


async def test_the_new_socket_has_the_place_and_the_flags_of_the_old_one(board: Switchboard) -> None:
    code = """
import fcntl, os
server = socket.create_server(("127.0.0.1", 0))
for wait in (True, False):
    for inherited in (True, False):
        with socket.socket() as one:
            fd = one.fileno()
            one.setblocking(wait)
            one.set_inheritable(inherited)
            one.connect(server.getsockname())
            flags = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK == 0, os.get_inheritable(fd)
            nodelay = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            say(one.fileno() == fd, flags == (wait, inherited), nodelay)
"""
    assert await said(board, code) == ["True True 1"] * 4


async def test_a_socket_that_is_connected_is_not_connected_again(board: Switchboard) -> None:
    """As everywhere, it can be once its address has been dissolved: connect(2)."""
    code = r"""
import ctypes, errno
server = socket.create_server(("127.0.0.1", 0))
with socket.socket() as one:
    one.setblocking(False)
    say([errno.errorcode.get(one.connect_ex(server.getsockname())) for _ in range(3)])
    first = one.getsockname()
    say(ctypes.CDLL(None).connect(one.fileno(), bytes(16), 16))
    say(one.connect_ex(server.getsockname()), one.getsockname() != first)
"""
    assert await said(board, code) == ["[None, 'EISCONN', 'EISCONN']", "0", "0 True"]


async def test_a_server_that_ends_when_it_has_its_one_connection_is_reached(board: Switchboard) -> None:
    """Nothing listens any more when the daemon looks again: it has to ask who has accepted."""
    code = """
import threading
def serve(server):
    connection, _ = server.accept()
    server.close()
    connection.send(b"x")
    connection.close()
for _ in range(30):
    server = socket.create_server(("127.0.0.1", 0))
    name = server.getsockname()
    thread = threading.Thread(target=serve, args=(server,))
    thread.start()
    with socket.create_connection(name) as one:
        assert one.recv(1) == b"x"
    thread.join()
say("all")
"""
    assert await said(board, code) == ["all"]


async def test_a_port_that_is_shared_with_another_process_is_refused(board: Switchboard) -> None:
    """The kernel would choose which of them gets the connection."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        name = other.getsockname()
        code = f"""
with socket.create_server({name!r}, reuse_port=True):
    say(*{{attempt({name!r}) for _ in range(20)}})
    say(*{{attempt(({name[0]!r}, {name[1]}), wait=False) for _ in range(20)}})
"""
        assert await said(board, code) == ["PermissionError", "PermissionError"]


async def test_a_listening_socket_is_that_of_the_families_that_have_it_open(board: Switchboard) -> None:
    code = "say('ready')\nname = eval(input())\nsay(attempt(name))\ninput()\nsay(attempt(name))"
    close = code.replace("input()\nsay", "__import__('os').close({fd})\ninput()\nsay")
    with socket.create_server(("127.0.0.1", 0)) as server:
        fd = server.fileno()
        async with contextlib.AsyncExitStack() as block:
            heirs = [
                await block.enter_async_context(notifying(code, fd)),
                await block.enter_async_context(notifying(close.format(fd=fd), fd)),
                await block.enter_async_context(notifying(code)),
            ]
            for heir in heirs:
                board.add(CallListener(heir.listener), heir.pid, frozenset())
                assert await heir.line() == "ready"
            for answers in (["None", "None", "PermissionError"], ["None", "PermissionError", "PermissionError"]):
                for heir, expected in zip(heirs, answers, strict=True):
                    heir.tell(repr(server.getsockname()))
                    assert await heir.line() == expected


async def test_a_copy_of_a_worker_is_a_family_of_its_own(board: Switchboard) -> None:
    code = """
import os
server = socket.create_server(("127.0.0.1", 0))
ask, told = os.pipe(), os.pipe()
pid = os.fork()
if not pid:
    original = server.getsockname()
    server.close()
    server = socket.create_server(("127.0.0.1", 0))
    os.write(told[1], repr(server.getsockname()).encode())
    os.read(ask[0], 1)
    os.write(told[1], f"{attempt(original)} {attempt(server.getsockname())}".encode())
    os.read(ask[0], 1)
    os.write(told[1], str(attempt(server.getsockname())).encode())
    os._exit(0)
name = eval(os.read(told[0], 99))
say(pid)
input()
say(attempt(server.getsockname()))
os.write(ask[1], b".")
say(os.read(told[0], 99).decode())
input()
os.write(ask[1], b".")
say(os.read(told[0], 99).decode())
"""
    async with notifying("import socket\n" + code) as process:
        line = board.add(CallListener(process.listener), process.pid, frozenset())
        copy = int(await process.line())
        line.loopback.join(copy)
        process.tell()
        assert await process.line() == "None"
        assert await process.line() == "PermissionError None"
        line.leave(process.pid)
        process.tell()
        assert await process.line() == "None", "the line goes on until the last has left"
        line.leave(copy)
        assert line.loopback.listener.closed


async def test_a_worker_may_let_its_orphans_go_only_while_it_is_copied(board: Switchboard) -> None:
    code = """
import os, threading
say(leave())
input()
say(leave())
thread = threading.Thread(target=lambda: say(leave()))
thread.start()
thread.join()
if not os.fork():
    say(leave())
    os._exit(0)
os.wait()
input()
say(leave())
"""
    async with notifying("import socket\n" + code) as process:
        line = board.add(CallListener(process.listener), process.pid, frozenset())
        assert await process.line() == "False"
        line.loopback.leaving.add(process.pid)
        process.tell()
        assert [await process.line() for _ in range(3)] == ["True", "False", "False"]
        line.loopback.leaving.clear()
        process.tell()
        assert await process.line() == "False"
