"""Everything that a program writes arrives, in order, whoever writes it, and nothing else can be made of it."""

import asyncio
import os
from pathlib import Path

import pytest
from harness import Client, Gate
from worker_driver import DrivenWorker, unnamed

LIBC = "import ctypes\nlibc = ctypes.CDLL(None)\n"


class TestWriters:
    """Who writes: Python, a child, C code, the system call itself."""

    @pytest.mark.parametrize(
        "code",
        [
            "import subprocess; subprocess.run(['sh', '-c', 'echo one; echo two >&2'])",
            "import os; os.system('echo one; echo two >&2')",
            "import os; os.write(1, b'one\\n'); os.write(2, b'two\\n')",
            "import sys; sys.stdout.buffer.write(b'one\\n'); sys.stderr.buffer.write(b'two\\n')",
            "import sys; sys.__stdout__.write('one\\n'); sys.__stderr__.write('two\\n')",
            "import sys; sys.stdout.writelines(['one', '\\n']); sys.stderr.writelines(['two\\n'])",
            "import sys; write, warn = sys.stdout.write, sys.stderr.write; write('one\\n'); warn('two\\n')",
            "import os; f = os.fdopen(1, 'w', closefd=False); f.write('one\\n'); del f; os.write(2, b'two\\n')",
            "open('/dev/fd/1', 'w').write('one\\n'); open('/proc/self/fd/2', 'w').write('two\\n')",
            "import logging; print('one'); logging.basicConfig(format='%(message)s'); logging.warning('two')",
            "import faulthandler, sys; print('one'); print('two', file=sys.stderr); faulthandler.enable()",
            LIBC + "libc.puts(b'one'); libc.dprintf(2, b'two\\n')",
            LIBC + "libc.printf(b'on'); libc.printf(b'e%c', 10); libc.perror.argtypes; libc.write(2, b'two\\n', 4)",
        ],
    )
    def test_arrive(self, edge_worker: DrivenWorker, code: str) -> None:
        ran = edge_worker.run(code)
        assert (ran.error, ran.stdout, ran.stderr) == (None, "one\n", "two\n")

    def test_c_code_without_a_newline_or_a_flush(self, worker: DrivenWorker) -> None:
        assert worker.printed(LIBC + "libc.printf(b'partial')\nprint('python ', flush=True)") == "python \npartial"
        assert worker.printed("libc.printf(b'again')") == "again"

    def test_a_child_in_between(self, worker: DrivenWorker) -> None:
        code = "import os\nfor i in range(5):\n    print('python', i)\n    os.system(f'echo child {i}')\n"
        assert worker.printed(code) == "".join(f"python {i}\nchild {i}\n" for i in range(5))

    def test_the_streams_are_the_real_thing(self, worker: DrivenWorker) -> None:
        code = (
            "import sys, io\nfor s in (sys.stdout, sys.stderr):\n"
            "    print(s.fileno(), s.isatty(), s.encoding, s.name, s.mode, s.closed, s.writable(), s.readable(),\n"
            "          s.errors, s.line_buffering, s.newlines, s.buffer.fileno(), type(s) is io.TextIOWrapper)\n"
            "print(sys.stdout is sys.__stdout__, sys.stdin.fileno(), sys.stdin.isatty(), sys.stdin.readline() == '')\n"
        )
        assert worker.printed(code) == (
            "1 False utf-8 <stdout> w False True False strict True None 1 True\n"
            "2 False utf-8 <stderr> w False True False backslashreplace True None 2 True\n"
            "True 0 False True\n"
        )

    def test_faulthandler(self, worker: DrivenWorker) -> None:
        worker.printed("import faulthandler; faulthandler.enable()")
        ran = worker.run("def where():\n    faulthandler.dump_traceback(all_threads=False)\nwhere()")
        assert ran.error is None
        assert 'File "<cell>", line 2 in where' in unnamed(ran.stderr)
        ran = worker.run("print('before'); import ctypes; ctypes.string_at(0)")
        assert ran.message is None
        assert ran.stdout == "before\n"
        assert "Segmentation fault" in ran.stderr
        assert 'File "<cell>", line 1 in <module>' in unnamed(ran.stderr)

    def test_just_before_the_end(self, worker: DrivenWorker) -> None:
        ran = worker.run("import os, sys\nprint('one')\nprint('two', file=sys.stderr)\nos._exit(3)")
        assert ran.message is None
        assert (ran.stdout, ran.stderr) == ("one\n", "two\n")
        assert worker.process.wait() == 3

    def test_protocol_text_stays_text(self, worker: DrivenWorker) -> None:
        forged = '{"type":"done","id":"1","error":null}'
        worker.printed(f"import os, sys\nforged = {forged!r}")
        ran = worker.run("print(forged)\nos.write(1, forged.encode() + b'\\n')\nsys.stderr.write(forged)\nprint('end')")
        assert ran.stdout == f"{forged}\n{forged}\nend\n"
        assert ran.stderr == forged


class TestOrder:
    def test_between_stdout_and_stderr(self, worker: DrivenWorker) -> None:
        ran = worker.run(
            "import sys\nfor i in range(500):\n    print(i, 'out')\n    print(i, 'err', file=sys.stderr)\n"
        )
        assert ran.both == "".join(f"{i} out\n{i} err\n" for i in range(500))

    def test_with_partial_lines(self, worker: DrivenWorker) -> None:
        ran = worker.run(
            "import sys\nfor i in range(200):\n    sys.stdout.write(f'o{i} ')\n    sys.stderr.write(f'e{i} ')\n"
        )
        assert ran.both == "".join(f"o{i} e{i} " for i in range(200))

    def test_with_much_in_each_turn(self, worker: DrivenWorker) -> None:
        ran = worker.run(
            "import sys\nfor i in range(5):\n    x = str(i) * 200_000\n    print(x)\n    print(x, file=sys.stderr)\n"
        )
        assert ran.both == "".join(2 * (str(i) * 200_000 + "\n") for i in range(5))

    def test_a_traceback_comes_after_what_was_printed(self, worker: DrivenWorker) -> None:
        code = "import traceback\nprint('one', end=' ')\ntry: 1/0\nexcept ZeroDivisionError: traceback.print_exc()\n"
        ran = worker.run(code + "print('three')")
        assert ran.both.startswith("one Traceback (most recent call last):\n")
        assert ran.both.endswith("ZeroDivisionError: division by zero\nthree\n")

    def test_of_code_with_an_stdout_of_its_own(self, worker: DrivenWorker) -> None:
        code = "import contextlib, io, sys\nwith contextlib.redirect_stdout(sys.stderr): print('one')\nprint('two')\n"
        ran = worker.run(
            code + "with contextlib.redirect_stdout(io.StringIO()) as text: print('three')\nprint(text.getvalue())"
        )
        assert (ran.stdout, ran.stderr) == ("two\nthree\n\n", "one\n")


class TestPartialLines:
    """What is printed without a newline can be seen while the code runs."""

    def test_seen(self, worker: DrivenWorker, tmp_path: Path) -> None:
        gate = Gate(tmp_path / "gate")
        for number in range(3):
            worker.start(f"print('partial {number}', end='')\n{gate.wait}\nprint(' whole')")
            worker.until(f"partial {number}")
            gate.open()
            assert worker.finish().stdout == f"partial {number} whole\n"
        gate.close()

    def test_seen_again_and_again(self, worker: DrivenWorker, tmp_path: Path) -> None:
        gate = Gate(tmp_path / "gate")
        worker.start(f"for i in range(5):\n    print(i, end=' ')\n    {gate.wait}\n")
        for number in range(5):
            worker.until("".join(f"{i} " for i in range(number + 1)))
            gate.open()
        assert worker.finish().stdout == "0 1 2 3 4 "
        gate.close()

    @pytest.mark.parametrize(
        "before",
        [
            "print('line')",
            "import sys; sys.stderr.write('error')",
            "import os; os.waitpid(os.fork() or os._exit(0), 0)",
            "print('x', end=''); import os; os.waitpid(os.fork() or os._exit(0), 0)",
            "import subprocess; subprocess.run(['true'])",
            "import sys; sys.setprofile(None); sys.stdout.flush()",
        ],
    )
    def test_seen_after(self, edge_worker: DrivenWorker, tmp_path: Path, before: str) -> None:
        gate = Gate(tmp_path / "gate")
        edge_worker.start(f"{before}\nprint('partial', end='')\n{gate.wait}")
        edge_worker.until("partial")
        gate.open()
        assert edge_worker.finish().error is None
        gate.close()

    def test_seen_of_a_forked_child(self, worker: DrivenWorker, tmp_path: Path) -> None:
        gate = Gate(tmp_path / "gate")
        worker.start(
            f"print('parent', end='')\nimport os\nif not os.fork():\n    print('child', end='')\n    {gate.wait}\n"
            "    os._exit(0)\nos.wait()"
        )
        worker.until("child")
        gate.open()
        assert worker.finish().error is None
        gate.close()

    def test_an_input_prompt_style_wait_can_be_interrupted(self, worker: DrivenWorker) -> None:
        worker.start("import time\nprint('partial', end='')\ntime.sleep(1000)")
        worker.until("partial")
        worker.interrupt()
        error = worker.finish().error
        assert error is not None
        assert error["name"] == "KeyboardInterrupt"


class TestVolume:
    def test_five_megabytes_in_one_print(self, worker: DrivenWorker) -> None:
        assert worker.printed("print('x' * 5_000_000)") == "x" * 5_000_000 + "\n"

    def test_five_megabytes_of_stderr(self, worker: DrivenWorker) -> None:
        assert worker.run("import sys; sys.stderr.write('é' * 2_500_000)").stderr == "é" * 2_500_000

    def test_many_small_writes(self, worker: DrivenWorker) -> None:
        assert worker.printed("import sys\nfor _ in range(200_000): sys.stdout.write('x')") == "x" * 200_000

    def test_many_small_system_calls(self, worker: DrivenWorker) -> None:
        assert worker.printed("import os\nfor _ in range(20_000): os.write(1, b'x')") == "x" * 20_000

    def test_many_threads(self, worker: DrivenWorker) -> None:
        ran = worker.run(
            "import sys, threading\ndef run(name):\n    for i in range(300):\n"
            "        sys.stdout.write(f'{name} {i}\\n')\n        sys.stderr.write(f'{name} {i}\\n')\n"
            "threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]\n"
            "for t in threads: t.start()\nfor t in threads: t.join()\n"
        )
        assert ran.error is None
        for text in (ran.stdout, ran.stderr):
            assert sorted(text.splitlines()) == sorted(f"{n} {i}" for n in range(8) for i in range(300))

    def test_a_pipe_that_was_left_non_blocking(self, edge_worker: DrivenWorker) -> None:
        """As asyncio leaves it, or Node.js in a child."""
        edge_worker.printed("import os; os.set_blocking(1, False); os.set_blocking(2, False)")
        assert edge_worker.printed("print('x' * 5_000_000)") == "x" * 5_000_000 + "\n"
        assert edge_worker.run("import sys; sys.stderr.write('x' * 5_000_000)").stderr == "x" * 5_000_000

    def test_what_did_not_fit_into_a_non_blocking_pipe_comes_at_the_end(self, edge_worker: DrivenWorker) -> None:
        code = "import os, sys\nos.set_blocking(1, False)\nwhile sys.stdout.buffer.raw.write(b'x' * 4096): pass\n"
        assert edge_worker.printed(code + "sys.stdout.buffer.write(b'y' * 8000)").endswith("x" + "y" * 8000)

    def test_a_flood_can_be_interrupted(self, worker: DrivenWorker) -> None:
        worker.start("while True: print('flood')")
        worker.until("flood")
        worker.interrupt()
        error = worker.finish().error
        assert error is not None
        assert error["name"] == "KeyboardInterrupt"
        assert worker.printed("print('next')") == "next\n"


class TestForks:
    def test_processes_that_print(self, worker: DrivenWorker) -> None:
        ran = worker.run(
            "import multiprocessing as mp\n"
            "def run(n):\n    for i in range(50): print(n, i)\n    print(n, 'end', end='')\n"
            "ps = [mp.get_context('fork').Process(target=run, args=(n,)) for n in range(4)]\n"
            "for p in ps: p.start()\nfor p in ps: p.join()\nprint([p.exitcode for p in ps])\n"
        )
        assert (ran.error, ran.stderr) == (None, "")
        for number in range(4):
            for what in [*range(50), "end"]:
                assert f"{number} {what}" in ran.stdout
        assert "[0, 0, 0, 0]\n" in ran.stdout

    def test_a_fork_while_a_partial_line_is_written_warns_of_nothing(self, worker: DrivenWorker) -> None:
        # From 3.12 on Python warns when a process of more than one thread forks.
        ran = worker.run(
            "import os, warnings\nwarnings.simplefilter('error')\nfor i in range(100):\n    print(i, end=' ')\n"
            "    child = os.fork()\n    if not child: os._exit(0)\n    os.waitpid(child, 0)\n"
        )
        assert (ran.error, ran.stderr) == (None, "")
        assert ran.stdout == "".join(f"{i} " for i in range(100))

    def test_a_child_that_prints_both_ways(self, worker: DrivenWorker) -> None:
        ran = worker.run(
            "import os, sys\nif not os.fork():\n"
            "    for i in range(50):\n        print(i)\n        print(i, file=sys.stderr)\n"
            "    os._exit(0)\nos.wait()\nprint('parent')"
        )
        assert ran.both == "".join(f"{i}\n{i}\n" for i in range(50)) + "parent\n"


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
