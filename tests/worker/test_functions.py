"""Host functions as code sees them: their names, their help, what they return and raise, and how long they last."""

import builtins

import pytest
from host_calls import FUNCTIONS, calls, echo, printed, start_calling
from worker_driver import DrivenWorker


def test_code_calls_a_function_with_arguments_and_gets_its_value(worker: DrivenWorker) -> None:
    assert printed(worker, "print(search('x', limit=3))") == "['search', ['x'], {'limit': 3}]\n"
    assert printed(worker, "print(github.find(1, [None]))") == "['github.find', [1, [None]], {}]\n"
    assert printed(worker, "print(await fetch('u'))") == "['fetch', ['u'], {}]\n"


@pytest.mark.parametrize(
    "value", [None, True, 0, -(2**63), 2**64 - 1, 1.5, "", "ü\u2028😀\0", [], {"a": [{}]}, "x" * 300_000]
)
def test_any_json_is_a_value(worker: DrivenWorker, value: object) -> None:
    code = "it = search()\nassert it == search(it)[1][0]\nprint(type(it).__name__)"
    answers = iter([value])
    ran = calls(worker, code, lambda *args: next(answers, None) if len(args) == 1 else [None, [args[1]]])
    assert (ran.error, ran.stdout) == (None, f"{type(value).__name__}\n")


def test_help_and_inspect_show_signature_and_doc(worker: DrivenWorker) -> None:
    code = "import inspect\nhelp(search)\nprint(inspect.signature(search), inspect.signature(fetch))\n"
    code += "print(*map(inspect.iscoroutinefunction, [fetch, search]), search.__name__, github.find.__qualname__)"
    assert printed(worker, code) == (
        "Help on function search in module __main__:\n\n"
        "search(query: str, *, limit: int = 3) -> list\n    Finds things.\n\n"
        "(query: str, *, limit: int = 3) -> list (url)\nTrue False search github.find\n"
    )


@pytest.mark.parametrize(
    ("signature", "shown"),
    [
        ("(a, b=None, *c, d=-1.5, e=('x', {'k': [1]}), **f)", "(a, b=None, *c, d=-1.5, e=('x', {'k': [1]}), **f)"),
        ("(a: 'no such name' = ...)", "(a: 'no such name' = Ellipsis)"),
        ("(a=print('side effect'))", "(*args, **kwargs)"),
        ("(a=x)", "(*args, **kwargs)"),
        ("(): print('side effect')\ndef other()", "(*args, **kwargs)"),
        (": 1", "(*args, **kwargs)"),
        ("(", "(*args, **kwargs)"),
        ("", "(*args, **kwargs)"),
    ],
)
def test_a_signature_runs_no_code(worker: DrivenWorker, signature: str, shown: str) -> None:
    function = {"name": "f", "signature": signature}
    ran = calls(worker, "import inspect; print(inspect.signature(f))", echo, function)
    assert (ran.error, ran.stdout) == (None, f"{shown}\n")


@pytest.mark.parametrize(
    "name", ["ValueError", "KeyError", "FileNotFoundError", "StopIteration", "UserWarning", "TimeoutError"]
)
def test_builtin_exceptions_are_themselves_where_they_arise(worker: DrivenWorker, name: str) -> None:
    code = f"try:\n    search()\nexcept {name} as error:\n    print(type(error) is {name}, error.args)"
    kind = getattr(builtins, name)
    assert printed(worker, code, lambda _: kind("why")) == f"True ({str(kind('why'))!r},)\n"


def test_an_exception_whose_class_wants_more_than_a_message_keeps_its_type(worker: DrivenWorker) -> None:
    raised = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")
    code = "try: search()\nexcept UnicodeDecodeError as error: print(type(error).__name__, error)"
    assert printed(worker, code, lambda _: raised) == f"UnicodeDecodeError {raised}\n"


class Unknown(Exception):
    pass


class HostFunctionError(Exception):
    pass


def test_other_exceptions_are_host_function_errors_with_the_name(worker: DrivenWorker) -> None:
    code = "try: search()\nexcept HostFunctionError as error: print(isinstance(error, RuntimeError), error.name, error)"
    assert printed(worker, code, lambda _: Unknown("why")) == "True Unknown Unknown: why\n"
    assert printed(worker, code, lambda _: Unknown()) == "True Unknown Unknown\n"
    assert printed(worker, code, lambda _: HostFunctionError("gone")) == "True HostFunctionError gone\n"
    for name in ("SystemExit", "KeyboardInterrupt", "int", "print", "__name__"):
        assert printed(worker, code, lambda _, name=name: type(name, (Exception,), {})()) == f"True {name} {name}\n"


def test_an_uncaught_exception_shows_the_users_frames_only(worker: DrivenWorker) -> None:
    for call in ("search()", "await fetch()"):
        error = calls(worker, f"\n{call}", lambda _: ValueError("why")).error
        assert error is not None
        assert (error["name"], error["value"]) == ("ValueError", "why")
        lines = error["traceback"].splitlines()
        assert lines[0] == "Traceback (most recent call last):"
        assert [line for line in lines if line.startswith("  File ")] == [
            line for line in lines if ", line 2, in <module>" in line
        ]
        assert lines[-1] == "ValueError: why"


def test_functions_are_there_for_one_execution_and_hide_what_was_there(worker: DrivenWorker) -> None:
    assert worker.printed("search = 'mine'; github = 1; print(search)") == "mine\n"
    assert printed(worker, "print(search(1)[1], github.find(1)[1])") == "[1] [1]\n"
    assert worker.printed("print(search, github, 'fetch' in globals())") == "mine 1 False\n"


def test_what_code_puts_in_their_place_stays(worker: DrivenWorker) -> None:
    assert printed(worker, "search = 'mine'\ndel fetch") == ""
    assert worker.printed("print(search, 'fetch' in globals(), 'github' in globals())") == "mine False False\n"


def test_functions_of_earlier_cells_call_those_of_this_execution(worker: DrivenWorker) -> None:
    worker.printed("def use(): return search('x')")
    assert printed(worker, "print(use()[1])") == "['x']\n"
    assert printed(worker, "print(use()[1])") == "['x']\n"
    error = worker.run("use()").error
    assert error is not None
    assert error["name"] == "NameError"


@pytest.mark.parametrize("call", ["kept()", "await kept()"])
def test_a_function_that_is_kept_belongs_to_its_execution(worker: DrivenWorker, call: str) -> None:
    name = "fetch" if "await" in call else "search"
    assert printed(worker, f"kept = {name}") == ""
    for ran in (worker.run(call), calls(worker, call, echo)):
        error = ran.error
        assert error is not None
        assert (error["name"], error["value"]) == (
            "RuntimeError",
            f"{name}() belonged to an earlier execution, which has ended",
        )


def test_code_may_damage_its_namespace(worker: DrivenWorker) -> None:
    assert printed(worker, "globals().clear()") == ""
    assert printed(worker, "print(search(1)[1])\nimport builtins; del builtins.HostFunctionError") == "[1]\n"
    assert printed(worker, "print(search(1)[1], HostFunctionError.__name__)") == "[1] HostFunctionError\n"


def test_functions_are_no_part_of_what_a_worker_costs_without_them(worker: DrivenWorker) -> None:
    code = "import gc\nit = next(it for it in gc.get_objects() if type(it).__name__ == 'Importer')\n"
    code += "print({'extras', 'functions', 'calling', 'sharing', 'strict'} & set(vars(it.package)))"
    assert worker.printed(code) == "set()\n"
    start_calling(worker, "pass", *FUNCTIONS)
    worker.finish()
    assert "calling" in worker.printed(code)
