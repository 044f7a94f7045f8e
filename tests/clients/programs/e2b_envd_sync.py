"""E2B's Python SDK, blocking: files and commands."""

import contextlib
import io
import os
import tempfile
import urllib.request

from checks import main
from e2b import (
    AuthenticationException,
    CommandExitException,
    FileNotFoundException,
    FileType,
    InvalidArgumentException,
    PtySize,
    TimeoutException,
)
from e2b_code import directed, raises
from e2b_code_interpreter import Sandbox

DIALECT = "e2b"
CLIENT = "Python"


@contextlib.contextmanager
def setup(url):
    with directed(url), tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox.create()
        sandbox.url, sandbox.folder = url, folder
        yield sandbox
        sandbox.kill()


def check_write_and_read(sandbox):
    """`files.write` and `files.read` take text, bytes, files and streams, of any size, also compressed."""
    path = f"{sandbox.folder}/new/ä.txt"
    info = sandbox.files.write(path, "hällo")
    assert (info.name, info.type, info.path) == ("ä.txt", FileType.FILE, path)
    assert sandbox.files.read(path) == "hällo"
    large = os.urandom(1 << 20)
    for data, options in (
        (large, {}),
        (io.BytesIO(large), {}),
        (iter([large[:7], large[7:]]), {}),
        (large, {"gzip": True}),
        (large, {"use_octet_stream": True}),
    ):
        sandbox.files.write(path, data, **options)
        assert sandbox.files.read(path, format="bytes") == large
    with sandbox.files.read(path, format="stream", gzip=True) as stream:
        assert b"".join(stream) == large


def check_write_files(sandbox):
    """`files.write_files` writes many files at once, with any names."""
    names = ["1.txt", "with space", 'quote".txt', "ü/2.txt"]
    paths = [f"{sandbox.folder}/many/{name}" for name in names]
    infos = sandbox.files.write_files([{"path": path, "data": path} for path in paths])
    assert [info.path for info in infos] == paths
    assert [sandbox.files.read(path) for path in paths] == paths


def check_urls(sandbox):
    """`download_url` and `upload_url` work in any client of HTTP."""
    path = f"{sandbox.folder}/by url"
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nhi\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    urllib.request.urlopen(urllib.request.Request(sandbox.upload_url(path), body, headers)).close()
    with urllib.request.urlopen(sandbox.download_url(path)) as answer:
        assert answer.read() == b"hi"


def check_code_shares_the_files(sandbox):
    """Code, files and commands share files; relative paths begin in the same directory."""
    name = f"e2b-test-{os.getpid()}.txt"
    try:
        sandbox.files.write(name, "from files")
        assert sandbox.run_code(f"open({name!r}).read()").text == "from files"
        assert sandbox.commands.run(f"cat {name}").stdout == "from files"
    finally:
        sandbox.files.remove(name)


def check_list(sandbox):
    """`files.list`, `get_info` and `exists` describe files, directories and links."""
    folder = f"{sandbox.folder}/listed"
    sandbox.files.write_files([{"path": f"{folder}/{name}", "data": name} for name in ("a", "deep/b", "deep/er/c")])
    os.symlink("a", f"{folder}/link")
    assert [it.name for it in sandbox.files.list(folder)] == ["a", "deep", "link"]
    names = [it.path.removeprefix(f"{folder}/") for it in sandbox.files.list(folder, depth=2)]
    assert names == ["a", "deep", "deep/b", "deep/er", "link"]
    info = sandbox.files.get_info(f"{folder}/a")
    assert (info.type, info.size, info.permissions, info.mode) == (FileType.FILE, 1, "-rw-r--r--", 0o644)
    assert abs(info.modified_time.timestamp() - os.stat(f"{folder}/a").st_mtime) < 1
    link = sandbox.files.get_info(f"{folder}/link")
    assert (link.type, link.symlink_target) == (FileType.SYMLINK, f"{folder}/a")
    assert sandbox.files.exists(folder)
    assert not sandbox.files.exists(f"{folder}/nothing")


def check_change(sandbox):
    """`files.make_dir`, `rename` and `remove` change files and directories."""
    folder = f"{sandbox.folder}/changed"
    assert sandbox.files.make_dir(f"{folder}/a/b")
    assert not sandbox.files.make_dir(f"{folder}/a/b")
    assert sandbox.files.rename(f"{folder}/a", f"{folder}/c").path == f"{folder}/c"
    sandbox.files.remove(f"{folder}/c")
    sandbox.files.remove(f"{folder}/c")
    assert sandbox.files.list(folder) == []


def check_file_errors(sandbox):
    """Files that do not exist raise `FileNotFoundException`, and impossible paths `InvalidArgumentException`."""
    nowhere = f"{sandbox.folder}/nowhere"
    with raises(FileNotFoundException, "no such file"):
        sandbox.files.read(nowhere)
    with raises(FileNotFoundException, "no such file"):
        sandbox.files.list(nowhere)
    with raises(FileNotFoundException, "no such file"):
        sandbox.files.get_info(nowhere)
    with raises(FileNotFoundException, "no such file"):
        sandbox.files.rename(nowhere, nowhere)
    with raises(FileNotFoundException, "no such file"):
        sandbox.files.watch_dir(nowhere)
    with raises(InvalidArgumentException, "must not be a directory"):
        sandbox.files.read(sandbox.folder)
    with raises(InvalidArgumentException, "must not be a directory"):
        sandbox.files.write(sandbox.folder, "")


def check_watch(sandbox):
    """`files.watch_dir` tells what happens in a directory, and below it."""
    folder = f"{sandbox.folder}/watched"
    sandbox.files.make_dir(f"{folder}/deep")
    watch = sandbox.files.watch_dir(folder, recursive=True, include_entry=True)
    sandbox.files.write(f"{folder}/deep/a", "x")
    sandbox.files.rename(f"{folder}/deep/a", f"{folder}/b")
    sandbox.files.remove(f"{folder}/b")
    events = []
    while ("b", "remove") not in [(it.name, it.type.value) for it in events]:
        events += watch.get_new_events()
    kinds = list(dict.fromkeys((it.name, it.type.value) for it in events))
    assert {("deep/a", "create"), ("deep/a", "write"), ("deep/a", "rename"), ("b", "create")} <= set(kinds)
    watch.stop()


def check_run(sandbox):
    """`commands.run` returns what a command has written, with `cwd` and `envs`."""
    ran = sandbox.commands.run("pwd; echo $FOO; echo oops >&2", cwd=sandbox.folder, envs={"FOO": "b'ä\"r"})
    assert (ran.stdout, ran.stderr, ran.exit_code) == (f"{sandbox.folder}\nb'ä\"r\n", "oops\n", 0)


def check_callbacks(sandbox):
    """`on_stdout` and `on_stderr` are called while the command runs."""
    fifo = f"{sandbox.folder}/go on"
    os.mkfifo(fifo)
    told = []

    def note(text):
        told.append(text)
        with open(fifo, "w") as file:
            file.write("\n")

    sandbox.commands.run(f"echo ready; read x <'{fifo}'; echo end >&2", on_stdout=note, on_stderr=told.append)
    assert told == ["ready\n", "end\n"]


def check_exit(sandbox):
    """A command that fails raises `CommandExitException`, with its status and all output."""
    with raises(CommandExitException, "exited with code 3"):
        sandbox.commands.run("exit 3")
    handle = sandbox.commands.run("echo out; echo err >&2; exit 3", background=True)
    with contextlib.suppress(CommandExitException):
        handle.wait()
    assert (handle._result.exit_code, handle._result.stdout, handle._result.stderr) == (3, "out\n", "err\n")
    with raises(InvalidArgumentException, "existing directory"):
        sandbox.commands.run("pwd", cwd="/nowhere/at/all")


def check_much_output(sandbox):
    """Ten megabytes of output arrive whole."""
    assert sandbox.commands.run("head -c 10000000 /dev/zero | tr '\\0' x").stdout == "x" * 10_000_000


def check_input(sandbox):
    """A command in the background is listed, gets its input, and ends when that ends."""
    handle = sandbox.commands.run("cat", background=True, stdin=True)
    (listed,) = [it for it in sandbox.commands.list() if it.pid == handle.pid]
    assert (listed.cmd, listed.args) == ("/bin/bash", ["-l", "-c", "cat"])
    handle.send_stdin("one\n")
    sandbox.commands.send_stdin(handle.pid, "two\n")
    sandbox.commands.stream_input(handle.pid, iter(["three\n", b"four\n"]))
    handle.close_stdin()
    assert handle.wait().stdout == "one\ntwo\nthree\nfour\n"
    assert handle.pid not in [it.pid for it in sandbox.commands.list()]


def check_kill(sandbox):
    """`kill` ends a command and all that it has started; `connect` follows one that another client has left."""
    handle = sandbox.commands.run("sleep 1000 & echo $!; wait", background=True)
    child, _, _ = next(iter(handle))
    handle.disconnect()
    again = sandbox.commands.connect(handle.pid)
    assert sandbox.commands.kill(handle.pid)
    assert not sandbox.commands.kill(handle.pid)
    with raises(CommandExitException, ""):
        again.wait()
    assert not os.path.exists(f"/proc/{int(child)}")


def check_timeout(sandbox):
    """`timeout` raises `TimeoutException` and kills the command."""
    with raises(TimeoutException, ""):
        sandbox.commands.run("exec sleep 1000", timeout=1)


def check_left_running(sandbox):
    """What a command leaves running in the background goes on, until it is killed or the daemon ends."""
    pid = sandbox.commands.run("sleep 1000 >/dev/null 2>&1 & echo $!").stdout.strip()
    assert sandbox.commands.run(f"kill {pid} && echo killed").stdout == "killed\n"


def check_pty(sandbox):
    """`pty` is a terminal with a shell, which can be resized."""
    handle = sandbox.pty.create(PtySize(rows=24, cols=80), cwd=sandbox.folder, envs={"PS1": "$ "}, timeout=30)
    sandbox.pty.resize(handle.pid, PtySize(rows=30, cols=100))
    sandbox.pty.send_stdin(handle.pid, b"stty size; echo $((6 * 7)); exit 0\n")
    told = []
    assert handle.wait(on_pty=told.append).exit_code == 0
    assert b"30 100" in b"".join(told)
    assert b"42" in b"".join(told)


def check_user(sandbox):
    """`user` is the daemon's own, or `user`; any other raises `AuthenticationException`."""
    assert sandbox.files.exists("/", user="user")
    with raises(AuthenticationException, "user must be"):
        sandbox.files.exists("/", user="another")
    with raises(AuthenticationException, "user must be"):
        sandbox.files.read("/x", user="another")


if __name__ == "__main__":
    main(globals())
