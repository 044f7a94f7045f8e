"""Output as clients of a daemon see it."""

import asyncio
import os
from pathlib import Path

import pytest
from contract import COMPLETED
from harness import Client, Daemon, Gate
from reading import text_of
from sdk import async_interpreter

LIBC = "import ctypes\nlibc = ctypes.CDLL(None)\n"


class TestBytes:
    async def test_characters_split_over_writes(self, client: Client) -> None:
        text = "ä日👋" * 3
        code = f"import os\nfor byte in {text.encode()!r}: os.write(1, bytes([byte])); os.write(2, bytes([byte]))"
        result = await client.run(code)
        assert (result.stdout, result.stderr) == (text, text)

    async def test_invalid_bytes(self, client: Client) -> None:
        result = await client.run("import os; os.write(1, b'a\\xffb\\xc3(c\\xed\\xa0\\x80d\\n')")
        assert result.stdout == "a�b�(c���d\n"

    async def test_a_character_that_is_never_completed(self, client: Client) -> None:
        assert (await client.run("import os; os.write(1, b'a\\xe6\\x97')")).stdout == "a�"
        assert (await client.run("print('日')")).stdout == "日\n"

    async def test_every_control_character(self, client: Client) -> None:
        result = await client.run("print(''.join(map(chr, range(128))), end='\\x00\\r\\r\\n\\u2028')")
        assert result.stdout == "".join(map(chr, range(128))) + "\0\r\r\n\u2028"


class TestThroughTheDaemon:
    async def test_writers(self, client: Client) -> None:
        result = await client.run(
            LIBC + "import os, subprocess, sys\nprint('python')\nsubprocess.run(['echo', 'child'])\n"
            "os.system('echo shell; echo shell >&2')\nos.write(1, b'call\\n')\nprint('late', file=sys.stderr)\n"
            "libc.printf(b'buffered')\n"
        )
        assert result.stdout == "python\nchild\nshell\ncall\nbuffered"
        assert result.stderr == "shell\nlate\n"
        assert result.controls == ["completed"]

    async def test_order(self, client: Client) -> None:
        result = await client.run(
            "import sys\nfor i in range(500):\n    print(i, 'out')\n    print(i, 'err', file=sys.stderr)\n"
        )
        texts = [message["text"] for message in result.messages if message["type"] in ("stdout", "stderr")]
        assert "".join(texts) == "".join(f"{i} out\n{i} err\n" for i in range(500))

    async def test_a_partial_line_is_seen_while_the_code_runs(self, client: Client, gate: Gate) -> None:
        async with client.running(f"print('partial', end='')\n{gate.wait}\nprint(' whole')") as running:
            await running.until("partial")
            assert running.result.controls == []
            gate.open()
            assert (await running.finish()).stdout == "partial whole\n"

    async def test_much_at_once(self, client: Client) -> None:
        result = await client.run("print('é' * 2_500_000)")
        assert result.stdout == "é" * 2_500_000 + "\n"
        assert result.controls == ["completed"]

    async def test_protocol_text_stays_text(self, client: Client) -> None:
        forged = '{"type":"control","text":"completed"}\n{"type":"done","id":"1","error":null}\n'
        result = await client.run(f"import os\nos.write(1, {forged!r}.encode())\nprint('end')")
        assert result.stdout == forged + "end\n"
        assert result.controls == ["completed"]
        assert result.error is None

    async def test_just_before_the_end(self, client: Client) -> None:
        result = await client.run("import os\nprint('x' * 50_000)\nos.write(2, b'last')\nos._exit(3)")
        assert (result.stdout, result.stderr) == ("x" * 50_000 + "\n", "last")
        assert result.error is not None
        assert (result.error["name"], result.error["value"]) == ("WorkerDied", "exit status 3")

    @pytest.mark.parametrize("late", ["print('late')", "os.write(2, b'late')", "os.write(1, '日'.encode()[:2])"])
    async def test_what_a_thread_wrote_before_the_next_execution_is_not_its(
        self, own_client: Client, gate: Gate, tmp_path: Path, late: str
    ) -> None:
        os.mkfifo(tmp_path / "written")
        await own_client.run(
            f"import os, threading\ndef run():\n    {gate.wait}\n    {late}\n    open('written', 'w').close()\n"
            "threading.Thread(target=run).start()"
        )
        gate.open()
        await asyncio.to_thread((tmp_path / "written").read_bytes)
        assert (await own_client.run("print('next')")).messages == [
            {"type": "stdout", "text": "next\n"},
            {"type": "control", "text": "completed"},
        ]

    async def test_what_a_child_wrote_before_the_next_execution_is_not_its(
        self, own_client: Client, gate: Gate, tmp_path: Path
    ) -> None:
        os.mkfifo(tmp_path / "written")
        late = f"{gate.wait}; os.write(1, b'late'); os.write(2, b'late'); open('written', 'w').close()"
        await own_client.run(f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {late!r}])")
        gate.open()
        await asyncio.to_thread((tmp_path / "written").read_bytes)
        assert (await own_client.run("print(child.wait())")).messages == [
            {"type": "stdout", "text": "0\n"},
            {"type": "control", "text": "completed"},
        ]

    async def test_threads_that_print_all_the_time_corrupt_nothing(self, client: Client) -> None:
        await client.run(
            "import threading\nstop = threading.Event()\ndef run():\n"
            "    while not stop.is_set(): print('background')\n"
            "threads = [threading.Thread(target=run) for _ in range(3)]\nfor t in threads: t.start()\n"
        )
        for number in range(5):
            result = await client.run(f"print('<{number}>')")
            assert f"<{number}>" in result.stdout
            assert result.controls == ["completed"]
        assert (await client.run("stop.set()\nfor t in threads: t.join()")).error is None
        assert (await client.run("print('quiet')")).stdout == "quiet\n"

    async def test_processes_that_print(self, client: Client) -> None:
        result = await client.run(
            "import multiprocessing as mp\ndef run(n): print('child', n)\n"
            "with mp.get_context('fork').Pool(2) as pool: pool.map(run, range(4))\nprint('parent')"
        )
        assert sorted(result.stdout.splitlines()) == ["child 0", "child 1", "child 2", "child 3", "parent"]
        assert result.stderr == ""


BOTH = "print('out'); print('err', file=sys.stderr); print('out'); print('err', file=sys.stderr)\n"


async def test_a_timeout_in_captured_output(client: Client, gate: Gate) -> None:
    """Afterwards clients get all output again, and the variables are still there."""
    result = await client.run(
        "import os, sys\nkept = 1\nr, w = os.pipe()\nos.dup2(w, 1); os.dup2(w, 2)\nwhile True: print('x' * 1000)",
        timeout=1,
    )
    assert result.error is not None
    assert result.error["name"] == "TimeoutError"
    assert "lost" not in result.error["value"]
    result = await client.run("sys.stdout.flush()")
    result = await client.run(f"{BOTH}print(kept)")
    assert (result.stdout, result.stderr) == ("out\nout\n1\n", "err\nerr\n")


async def test_no_mark_is_ever_seen(client: Client) -> None:
    """Threads and children flood both streams, in lines and in pieces of all sizes."""
    result = await client.run(
        "import os, sys, threading\ndef run():\n    for i in range(300):\n"
        "        print('o' * i); print('e' * i, file=sys.stderr)\n"
        "threads = [threading.Thread(target=run) for _ in range(3)]\nfor t in threads: t.start()\n"
        "for t in threads: t.join()\n"
        "if not os.fork():\n    run()\n    os._exit(0)\nrun()\nos.wait()"
    )
    assert set(result.stdout) == {"o", "\n"}
    assert set(result.stderr) == {"e", "\n"}
    assert len(result.stdout) == len(result.stderr) == 5 * sum(range(1, 301))


async def test_orphans_do_not_add_up_in_a_context(client: Client) -> None:
    context = await client.create()
    code = "import os, time\nfor _ in range(60): os.system('(sleep 0.01 &)')\ntime.sleep(0.2)"
    assert (await client.run(code, context)).error is None
    shown = await client.run("print(open(f'/proc/self/task/{os.getpid()}/children').read().split())", context)
    assert shown.stdout == "[]\n"


@pytest.mark.parametrize("fd", [1, 2])
async def test_what_is_replaced_is_counted(client: Client, fd: int) -> None:
    """Reads may cut the invalid bytes. U+FFFD that the program itself writes is not counted."""
    data = b"a\xffb\xc3(\xed\xa0\x80 \xef\xbf\xbd " * 10_000 + b"\xe6\x97"
    result = await client.run(f"import os; os.write({fd}, {data!r})")
    *output, completed = result.messages
    assert completed == COMPLETED
    assert {message["type"] for message in output} == {["stdout", "stderr"][fd - 1]}
    assert text_of(output, "stdout", "stderr") == data.decode(errors="replace")
    assert sum(message.get("replaced", 0) for message in output) == 5 * 10_000 + 1
    assert len(output) > 1


async def test_where_nothing_is_replaced_nothing_is_counted(client: Client) -> None:
    for code in ("print('é日👋\ufffd')", "import os; os.write(1, b'\\xe6'); os.write(1, b'\\x97\\xa5')"):
        assert all(message.keys() == {"type", "text"} for message in (await client.run(code)).messages)


async def test_a_count_is_of_its_own_message(client: Client) -> None:
    """Each print waits until the daemon has read the earlier stream."""
    result = await client.run(
        "import os, sys\nfor bad in (b'\\xff', b'', b'\\xff\\xff'):\n"
        "    sys.stdout.buffer.write(b'out' + bad + b'\\n'); sys.stdout.write(''); sys.stdout.flush()\n"
        "    print('err', file=sys.stderr)\n"
    )
    out = [(message["text"], message.get("replaced")) for message in result.messages if message["type"] == "stdout"]
    assert out == [("out\ufffd\n", 1), ("out\n", None), ("out\ufffd\ufffd\n", 2)]


async def test_the_sdk_reads_a_message_with_a_count_as_any_other(daemon: Daemon) -> None:
    async with async_interpreter(daemon.url) as sdk:
        result = await sdk.run_code("import os; os.write(1, b'a\\xffb\\n'); os.write(2, b'\\xfe')")
    assert (result.stdout, result.stderr, result.error) == ("a\ufffdb\n", "\ufffd", None)
