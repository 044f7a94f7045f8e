"""E2B's Python SDK, blocking."""

import contextlib
import json
import os
import tempfile

import httpx
from checks import main
from e2b_code import CLASSES, DRAWINGS, FORMATS, KEY, PICTURE, RICH, directed, drawing, raises, texts, waiting_for
from e2b_code_interpreter import Context, NotFoundException, Sandbox, SandboxException, TimeoutException

DIALECT = "e2b"
CLIENT = "Python"


@contextlib.contextmanager
def setup(url):
    with directed(url):
        sandbox = Sandbox.create()
        sandbox.url = url
        yield sandbox
        sandbox.kill()


def check_value(sandbox):
    """`run_code` returns the value of the last expression as text, a `str` without its quotes."""
    assert sandbox.run_code("x = 1; x + 1").text == "2"
    assert sandbox.run_code("'a string'").text == "a string"
    assert sandbox.run_code('"it\'s"').text == "it's"
    assert sandbox.run_code("x = 5").text is None
    assert sandbox.run_code("").error is None


def check_state(sandbox):
    """Variables stay, in the default context and in each other one."""
    sandbox.run_code("kept = 1")
    assert sandbox.run_code("kept += 1; kept").text == "2"


def check_callbacks(sandbox):
    """`on_stdout`, `on_stderr`, `on_result` and `on_error` are called with what comes."""
    out, err, results, errors = [], [], [], []
    callbacks = {
        "on_stdout": out.append,
        "on_stderr": err.append,
        "on_result": results.append,
        "on_error": errors.append,
    }
    execution = sandbox.run_code(
        "import sys\nprint('a', 1)\nprint('b', file=sys.stderr)\ndisplay(2)\n1 / 0", **callbacks
    )
    assert [(it.line, it.error) for it in out] == [("a 1\n", False)]
    assert [(it.line, it.error) for it in err] == [("b\n", True)]
    assert all(it.timestamp for it in (*out, *err))
    assert [it.text for it in results] == ["2"]
    assert [it.name for it in errors] == ["ZeroDivisionError"] == [execution.error.name]
    assert execution.logs.stdout == ["a 1\n"]


def check_streaming(sandbox):
    """Output arrives while the code runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "go")
        out = []

        def go_on(message):
            out.append(message.line)
            with open(path, "w"):
                pass

        execution = sandbox.run_code(waiting_for(path), on_stdout=go_on, timeout=30)
    assert out == ["waiting\n", "done\n"] == execution.logs.stdout


def check_output_order(sandbox):
    """Output, errors and results come in the order in which the code makes them."""
    came = []
    code = "import sys\nprint(1)\nprint(2, file=sys.stderr)\ndisplay(3)\nprint(4)\n5"
    note = {name: lambda it: came.append(it.line.strip()) for name in ("on_stdout", "on_stderr")}
    execution = sandbox.run_code(code, on_result=lambda it: came.append(it.text), **note)
    assert came == ["1", "2", "3", "4", "5"]
    assert [it.is_main_result for it in execution.results] == [False, True]


def check_large(sandbox):
    """Long output and large results arrive whole."""
    execution = sandbox.run_code("for i in range(20_000): print(i)\ndisplay({'image/png': b'x' * 3_000_000}, raw=True)")
    assert "".join(execution.logs.stdout).splitlines() == [str(i) for i in range(20_000)]
    assert len(execution.results[0].png) == 4_000_000


def check_notebook(sandbox):
    """Code may be indented as a whole, wait by `await`, and have `!commands` and magics."""
    execution = sandbox.run_code("\n    import asyncio\n    await asyncio.sleep(0)\n    !echo from the shell\n    7\n")
    assert (execution.text, texts(execution.logs)) == ("7", ("from the shell\n", ""))
    assert "pip" in texts(sandbox.run_code("!pip --version").logs)[0]
    context = sandbox.create_code_context()
    sandbox.run_code("%cd /", context=context)
    assert texts(sandbox.run_code("!pwd", context=context).logs)[0] == "/\n"
    assert texts(sandbox.run_code("%%bash\necho $((1 + 1))").logs)[0] == "2\n"


def check_errors(sandbox):
    """An exception has name, value and traceback, which is text without colours."""
    error = sandbox.run_code("def f():\n    raise ValueError('no')\nf()").error
    assert (error.name, error.value) == ("ValueError", "no")
    assert "line 2, in f" in error.traceback
    assert "\x1b" not in error.traceback
    assert sandbox.run_code("x = = 1").error.name == "SyntaxError"
    assert json.loads(error.to_json())["name"] == "ValueError"


def check_envs(sandbox):
    """`envs` hold for one execution; a value may have quotes, and lines keep their numbers."""
    code = "import os\nos.environ['FOO'], os.environ.get('HOME') is not None"
    assert sandbox.run_code(code, envs={"FOO": 'it\'s "here"\n'}).text == repr(('it\'s "here"\n', True))
    assert sandbox.run_code("os.getenv('FOO', 'default')").text == "default"
    assert "line 1" in sandbox.run_code("1 / 0", envs={"FOO": "bar"}).error.traceback
    assert sandbox.run_code("    os.getenv('FOO')", envs={"FOO": "bar"}).text == "bar"


def check_contexts(sandbox):
    """Contexts are made, listed with the default one first and the newest last, restarted and removed."""
    context = sandbox.create_code_context(cwd="/", language="python")
    assert (context.language, context.cwd) == ("python", "/")
    assert sandbox.run_code("import os; x = 1; os.getcwd()", context=context).text == "/"
    listed = sandbox.list_code_contexts()
    assert listed[0].id == "default"
    assert (listed[-1].id, listed[-1].language, listed[-1].cwd) == (context.id, "python", "/")
    sandbox.restart_code_context(context.id)
    error = sandbox.run_code("x", context=context).error
    assert (error.name, error.value) == ("NameError", "name 'x' is not defined")
    sandbox.remove_code_context(context)
    assert context.id not in [it.id for it in sandbox.list_code_contexts()]


def check_unknown_context(sandbox):
    """A context that does not exist raises `NotFoundException`."""
    for call in (
        lambda: sandbox.run_code("1", context=Context("nope", "python", "/")),
        lambda: sandbox.restart_code_context("nope"),
        lambda: sandbox.remove_code_context("nope"),
    ):
        with raises(NotFoundException, "Context nope not found"):
            call()


def check_directory(sandbox):
    """A context may name a directory that does not exist; it begins in the daemon's."""
    context = sandbox.create_code_context(cwd="/home/nobody/here")
    assert context.cwd == "/home/nobody/here" == sandbox.list_code_contexts()[-1].cwd
    assert sandbox.run_code("1", context=context).text == "1"


def check_count(sandbox):
    """Executions are counted, from 1 again after a restart."""
    context = sandbox.create_code_context()
    assert [sandbox.run_code("1", context=context).execution_count for _ in range(2)] == [1, 2]
    sandbox.restart_code_context(context)
    assert sandbox.run_code("1", context=context).execution_count == 1


def check_formats(sandbox):
    """A result has each of its formats: text, html, markdown, svg, png, jpeg, pdf, latex, json, javascript, others."""
    (result,) = sandbox.run_code(RICH).results
    assert list(result.formats()) == [*FORMATS, "application/x-more"]
    assert not result.is_main_result
    assert (result.json, result.html, result.png) == ({"a": 1}, "<b>h</b>", "cG5n")
    assert result.extra == {"application/x-more": "x"}
    execution = sandbox.run_code("class A:\n    def _repr_html_(self): return '<i>'\nA()")
    assert (execution.results[0].html, execution.results[0].is_main_result) == ("<i>", True)


def check_json(sandbox):
    """Lists and dicts have `json`."""
    assert sandbox.run_code("{'a': [1, 2.5, None, 'b']}").results[0].json == {"a": [1, 2.5, None, "b"]}
    assert sandbox.run_code("[1, {'b': float('nan')}]").results[0].json == [1, {"b": None}]
    assert sandbox.run_code("[object()]").results[0].json is None


def check_data(sandbox):
    """Frames of pandas have `data`: a list for each column, dates as ISO 8601."""
    code = "import pandas as pd\npd.DataFrame({'a': [1, 2], 't': pd.to_datetime(['2020-01-02', '2021-01-01'])})"
    (result,) = sandbox.run_code(code).results
    assert result.data == {"a": [1, 2], "t": ["2020-01-02T00:00:00", "2021-01-01T00:00:00"]}
    assert list(result.formats()) == ["text", "html", "data"]


def check_charts(sandbox):
    """Figures of matplotlib have `png` and `chart`, of the types line, scatter, bar, pie, box, superchart, unknown."""
    for kind in DRAWINGS:
        (result,) = sandbox.run_code(drawing(kind)).results
        assert list(result.formats()) == ["text", "png", "chart"], kind
        assert result.chart.type == kind
        assert type(result.chart).__name__ == CLASSES[kind]
        assert result.chart.title == ("" if kind == "superchart" else "A title")
        assert json.loads(json.dumps(result.chart.to_dict()))["type"] == kind


def check_order(sandbox):
    """A figure and the value after it are two results, in their order."""
    code = drawing("line") + "5\n"
    results = []
    execution = sandbox.run_code(code, on_result=results.append)
    assert [it.is_main_result for it in results] == [False, True]
    assert execution.text == "5"
    assert json.loads(execution.to_json())["results"][1]["text"] == "5"


def check_images(sandbox):
    """Pictures of Pillow are results: as a value, by `show()`, and by `save()`."""
    with tempfile.TemporaryDirectory() as folder:
        for last in ("image", "image.show()", f"image.save({folder + '/test.png'!r})"):
            (result,) = sandbox.run_code(PICTURE.format(last)).results
            assert result.png, last
        assert os.listdir(folder) == ["test.png"]


def check_timeout(sandbox):
    """`timeout` raises `TimeoutException` and interrupts the code; variables stay, and the next code runs at once."""
    context = sandbox.create_code_context()
    sandbox.run_code("kept = 5", context=context)
    with raises(TimeoutException, "Execution timed out"):
        sandbox.run_code("import time; time.sleep(60)", context=context, timeout=1)
    assert sandbox.run_code("kept", context=context, timeout=30).text == "5"


def check_languages(sandbox):
    """A language that is not there raises `SandboxException`, which names it."""
    for call in (lambda: sandbox.run_code("1", language="r"), lambda: sandbox.create_code_context(language="r")):
        with raises(SandboxException, "Failed to create context: the language r is not available here"):
            call()
    assert sandbox.run_code("1", language="python").text == "1"


def check_javascript(sandbox):
    """Code in other languages runs."""
    assert sandbox.run_code("console.log(1)", language="js").logs.stdout == ["1\n"]


def check_crash(sandbox):
    """A crash is `ContextRestarting`, which says how; the next code runs in a new Python."""
    context = sandbox.create_code_context()
    error = sandbox.run_code("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", context=context).error
    assert (error.name, error.value) == ("ContextRestarting", "Context was restarted")
    assert "SIGKILL" in error.traceback
    execution = sandbox.run_code("1", context=context)
    assert (execution.text, execution.execution_count, execution.error) == ("1", 1, None)


def check_exit(sandbox):
    """`exit()` ends normally, and the next code runs in a new Python."""
    context = sandbox.create_code_context()
    assert sandbox.run_code("exit()", context=context).error is None
    assert sandbox.run_code("1", context=context).text == "1"


def check_input(sandbox):
    """`input()` raises `StdinNotImplementedError`, as in E2B's sandboxes."""
    error = sandbox.run_code("input()").error
    assert error.name == "StdinNotImplementedError"
    assert "does not support input requests" in error.value


def check_connect(sandbox):
    """`Sandbox.connect` finds the same contexts and variables; `is_running` and `kill` answer."""
    sandbox.run_code("shared = 6")
    other = Sandbox.connect(sandbox.sandbox_id)
    assert other.run_code("shared").text == "6"
    assert other.is_running()
    assert other.kill()


def check_sandbox_url(sandbox):
    """`Sandbox.create(debug=True, sandbox_url=…)` needs no variables."""
    url = os.environ.pop("E2B_SANDBOX_URL")
    try:
        made = Sandbox.create(debug=True, sandbox_url=url, api_key=KEY)
        assert made.run_code("1").text == "1"
        below = Sandbox.create(debug=True, sandbox_url=url + "/", api_key=KEY)
        assert below.sandbox_id == made.sandbox_id
    finally:
        os.environ["E2B_SANDBOX_URL"] = url


def check_native(sandbox):
    """A context of the native API is used by its id, and the other way round."""
    native = sandbox.url + "/process/interpreter"
    context_id = httpx.post(native + "/context", json={}).json()["id"]
    context = next(it for it in sandbox.list_code_contexts() if it.id == context_id)
    sandbox.run_code("both = 7", context=context)
    found = httpx.post(native + "/execute", json={"code": "print(both)", "contextId": context_id}).json()
    assert found["stdout"] == "7\n"
    made = sandbox.create_code_context()
    assert made.id in [it["id"] for it in httpx.get(native + "/contexts").json()["contexts"]]


if __name__ == "__main__":
    main(globals())
