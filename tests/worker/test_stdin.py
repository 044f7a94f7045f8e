"""``sys.stdin`` reads from the client, or from the stream that user code puts there."""

import pytest
from worker_driver import DrivenWorker

PRELUDE = (
    "import contextlib, getpass, io, os, sys, warnings\nfrom unittest import mock\nwarnings.simplefilter('ignore')\n"
)


def asked(worker: DrivenWorker, code: str, *answers: str | None) -> str:
    """Run ``code``, answer its questions, and return its output. It must ask once per answer and not fail."""
    worker.start_asking(PRELUDE + code)
    for answer in answers:
        worker.answer(worker.asked(), answer)
    ran = worker.finish()
    assert ran.error is None, ran.error
    return ran.stdout


class TestTheClients:
    @pytest.mark.parametrize(
        ("code", "answers", "printed"),
        [
            ("print(repr(sys.stdin.readline()))", ["Ada"], "'Ada\\n'"),
            ("print(repr(sys.stdin.buffer.readline()))", ["ä"], "b'\\xc3\\xa4\\n'"),
            ("print([line for line in sys.stdin])", ["a", "b", None], "['a\\n', 'b\\n']"),
            ("print(sys.stdin.readlines())", ["a", "", None], "['a\\n', '\\n']"),
            ("print(repr(sys.stdin.read()))", ["a", "b", None], "'a\\nb\\n'"),
            ("print(sys.stdin.buffer.read())", ["a", "b", None], "b'a\\nb\\n'"),
            ("print(sys.stdin.buffer.raw.read())", ["a", "b", None], "b'a\\nb\\n'"),
            ("print(repr(sys.stdin.read(3)))", ["abc"], "'abc'"),
            ("print(repr(sys.stdin.read(2)), repr(input()), repr(input()))", ["abc", "d"], "'ab' 'c' 'd'"),
            ("print(repr(input()), repr(sys.stdin.readline()))", ["a", "b"], "'a' 'b\\n'"),
            ("print(repr(sys.stdin.readline()), repr(sys.stdin.readline()))", ["a", None], "'a\\n' ''"),
            ("print(len(sys.stdin.readline()))", ["ä" * 100_000], "100001"),
            ("import fileinput; print(list(fileinput.input([])))", ["a", None], "['a\\n']"),
            ("print(sys.stdin is sys.__stdin__, sys.stdin.fileno(), sys.stdin.name, sys.stdin.encoding)", [], None),
        ],
    )
    def test_it_asks_as_input_does(
        self, worker: DrivenWorker, code: str, answers: list[str | None], printed: str | None
    ) -> None:
        assert asked(worker, code, *answers) == (printed or "True 0 <stdin> utf-8") + "\n"

    def test_what_is_left_of_an_answer_is_not_the_next_executions(self, worker: DrivenWorker) -> None:
        assert asked(worker, "print(sys.stdin.read(1))", "abc") == "a\n"
        assert asked(worker, "print(repr(sys.stdin.readline()))", "d") == "'d\\n'\n"

    def test_without_an_input_it_is_at_its_end(self, worker: DrivenWorker) -> None:
        assert worker.printed("import sys; print(repr(sys.stdin.readline()), list(sys.stdin), sys.stdin.read())") == (
            "'' [] \n"
        )

    def test_a_thread_and_a_child_are_at_its_end(self, worker: DrivenWorker) -> None:
        code = (
            "import threading\ndef look(): print(repr(sys.stdin.readline()), flush=True)\n"
            "t = threading.Thread(target=look); t.start(); t.join()\n"
            "if not os.fork():\n    look()\n    os._exit(0)\nos.wait()\nlook()"
        )
        assert asked(worker, code, "mine") == "''\n''\n'mine\\n'\n"

    def test_an_interrupt_ends_it(self, worker: DrivenWorker) -> None:
        worker.start_asking("import sys; kept = 1\nsys.stdin.readline()")
        worker.asked()
        worker.interrupt()
        error = worker.finish().error
        assert error is not None
        assert error["name"] == "KeyboardInterrupt"
        worker.sync()
        assert asked(worker, "print(kept, repr(sys.stdin.readline()))", "a") == "1 'a\\n'\n"

    def test_it_is_replaced_if_code_has_closed_it(self, worker: DrivenWorker) -> None:
        for code in ("sys.stdin.close()", "sys.stdin.detach()", "del sys.stdin"):
            worker.run(f"import sys; {code}")
            assert asked(worker, "print(repr(sys.stdin.readline()), input())", "a", "b") == "'a\\n' b\n"


REPLACED = {
    "StringIO": "sys.stdin = io.StringIO('one\\ntwo\\n')",
    "open": "open('lines', 'w').write('one\\ntwo\\n')\nsys.stdin = open('lines')",
    "an object": "class Lines:\n    lines = iter(['one\\n', 'two\\n'])\n    def readline(s): return next(s.lines)\n"
    "sys.stdin = Lines()",
    "dup2": "r, w = os.pipe(); os.write(w, b'one\\ntwo\\n'); os.close(w); os.dup2(r, 0)",
    "dup2 of a file": "open('lines', 'w').write('one\\ntwo\\n')\nos.dup2(os.open('lines', os.O_RDONLY), 0)",
}


class TestReplaced:
    """User code has replaced stdin, so the client gets no question."""

    @pytest.mark.parametrize("how", REPLACED)
    def test_input_reads_it(self, worker: DrivenWorker, how: str) -> None:
        code = f"{REPLACED[how]}\nprint(repr(input('? ')), repr(sys.stdin.readline()))\n"
        code += "try: input()\nexcept (EOFError, StopIteration, RuntimeError): print('end')"
        assert asked(worker, code) == "? 'one' 'two\\n'\nend\n"

    @pytest.mark.parametrize("how", ["StringIO", "open", "dup2"])
    def test_getpass_reads_it(self, worker: DrivenWorker, how: str) -> None:
        assert asked(worker, f"{REPLACED[how]}\nprint(getpass.getpass())") == "one\n"

    def test_without_an_input_of_the_execution(self, worker: DrivenWorker) -> None:
        assert worker.printed(f"import io, sys\n{REPLACED['StringIO']}\nprint(input())") == "one\n"

    def test_patch(self, worker: DrivenWorker) -> None:
        code = "with mock.patch('sys.stdin', io.StringIO('one\\n')): print(input())\nprint(input())\n"
        code += "with mock.patch('builtins.input', lambda *_: 'patched'): print(input())\nprint(input())"
        assert asked(worker, code, "Ada", "Eve") == "one\nAda\npatched\nEve\n"

    def test_it_can_be_put_back(self, worker: DrivenWorker) -> None:
        code = "saved = os.dup(0)\n" + REPLACED["dup2"] + "\nprint(sys.stdin.read())\nos.dup2(saved, 0)\nprint(input())"
        assert asked(worker, code, "Ada") == "one\ntwo\n\nAda\n"

    def test_a_forked_childs_own(self, worker: DrivenWorker) -> None:
        code = (
            "r, w = os.pipe()\nif not os.fork():\n    os.dup2(r, 0)\n    print(input(), flush=True)\n    os._exit(0)\n"
            "os.write(w, b'from the parent\\n')\nos.wait()\nprint(input())"
        )
        assert asked(worker, code, "Ada") == "from the parent\nAda\n"

    def test_a_process_of_multiprocessing(self, worker: DrivenWorker) -> None:
        code = (
            "import multiprocessing\ndef run():\n    sys.stdin = open('lines')\n    print(input(), flush=True)\n"
            "open('lines', 'w').write('its own\\n')\np = multiprocessing.get_context('fork').Process(target=run)\n"
            "p.start(); p.join(); print(input())"
        )
        assert asked(worker, code, "Ada") == "its own\nAda\n"

    def test_a_scripted_debugger(self, worker: DrivenWorker) -> None:
        code = "import pdb\ndef f():\n    x = 41\n    return x\nout = io.StringIO()\n"
        code += "pdb.Pdb(stdin=io.StringIO('n\\np x + 1\\nc\\n'), stdout=out, nosigint=True).runcall(f)\n"
        assert "42" in asked(worker, code + "print(out.getvalue())")

    def test_a_debugger_that_reads_sys_stdin(self, worker: DrivenWorker) -> None:
        code = "import pdb\ndef f():\n    x = 41\n    return x\n"
        code += "with mock.patch('sys.stdin', io.StringIO('n\\np x + 1\\nc\\n')): pdb.Pdb(nosigint=True).runcall(f)"
        assert "42" in asked(worker, code)

    @pytest.mark.parametrize("raw", [True, False])
    def test_a_scripted_cmd(self, worker: DrivenWorker, raw: bool) -> None:
        code = "import cmd\nclass Shell(cmd.Cmd):\n    def do_say(self, what): print('said', what)\n"
        code += "    def do_end(self, _): return True\nlines = io.StringIO('say one\\nend\\n')\n"
        code += f"shell = Shell(stdin=lines)\nshell.use_rawinput = {raw}\n"
        code += "with mock.patch('sys.stdin', lines): shell.cmdloop()"
        assert "said one" in asked(worker, code)

    def test_what_code_that_failed_left_on_fd_0_is_put_right(self, worker: DrivenWorker) -> None:
        assert worker.run(f"import os\n{REPLACED['dup2']}\n1/0").error
        assert asked(worker, "print(input())", "Ada") == "Ada\n"
