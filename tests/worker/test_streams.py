"""``sys.stdout`` and ``sys.stderr``: all output arrives in order, from every kind of writer."""

import pytest
from worker_driver import DrivenWorker, unnamed

LIBC = "import ctypes\nlibc = ctypes.CDLL(None)\n"


class TestWriters:
    """Output of Python, a child, C code and the system call arrives."""

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

    def test_c_code_after_each_of_many_lines(self, worker: DrivenWorker) -> None:
        code = LIBC + "for i in range(2_000):\n    print('python', i)\n    libc.write(1, b'code\\n', 5)\n"
        assert worker.printed(code) == "".join(f"python {i}\ncode\n" for i in range(2_000))

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

    @pytest.mark.parametrize("back", ["sys.stdout.write = own", "del sys.stdout.write"])
    def test_of_code_that_puts_a_method_of_its_own_there_for_a_while(self, worker: DrivenWorker, back: str) -> None:
        ran = worker.run(
            "import sys\nprint('one')\nown = sys.stdout.write\nsys.stdout.write = lambda text: own(text.upper())\n"
            f"print('two')\n{back}\n"
            "for i in range(200):\n    print(i, file=sys.stderr)\n    print(i)\n"
        )
        assert ran.both == "one\nTWO\n" + "".join(f"{i}\n{i}\n" for i in range(200))

    def test_of_code_with_an_stdout_of_its_own(self, worker: DrivenWorker) -> None:
        code = "import contextlib, io, sys\nwith contextlib.redirect_stdout(sys.stderr): print('one')\nprint('two')\n"
        ran = worker.run(
            code + "with contextlib.redirect_stdout(io.StringIO()) as text: print('three')\nprint(text.getvalue())"
        )
        assert (ran.stdout, ran.stderr) == ("two\nthree\n\n", "one\n")


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
        """asyncio, or Node.js in a child, leaves a pipe like this."""
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
        # Since 3.12 Python warns if a process with several threads forks.
        ran = worker.run(
            "import os, warnings\nwarnings.simplefilter('error')\nfor i in range(100):\n    print(i, end=' ')\n"
            "    child = os.fork()\n    if not child: os._exit(0)\n    os.waitpid(child, 0)\n"
        )
        assert (ran.error, ran.stderr) == (None, "")
        assert ran.stdout == "".join(f"{i} " for i in range(100))

    def test_a_child_that_prints_both_ways(self, worker: DrivenWorker) -> None:
        ran = worker.run(
            "import os, sys\nif not os.fork():\n"
            "    for i in range(50):\n        print(i, file=sys.stderr)\n        print(i)\n"
            "    os._exit(0)\nos.wait()\nprint('parent')"  # which is stdout, too: no mark says how two processes follow
        )
        assert ran.both == "".join(f"{i}\n{i}\n" for i in range(50)) + "parent\n"
