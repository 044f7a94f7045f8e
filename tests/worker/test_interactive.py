"""``get_ipython()`` has what code of notebooks uses."""

from publishing import bundles, ran, told
from worker_driver import DrivenWorker

from interpreterd.model.displays import NextInput


def test_it_is_a_builtin_and_one_object(worker: DrivenWorker) -> None:
    code = "shell = get_ipython()\nprint(shell is get_ipython(), shell.user_ns is globals(), type(shell).__name__)"
    assert worker.printed(code) == "True True Shell\n"
    assert worker.printed("print('IPKernelApp' in shell.config)") == "False\n", "so progress bars are text"


def test_it_knows_the_number_of_the_cell(worker: DrivenWorker) -> None:
    code = "print(get_ipython().execution_count)"
    assert [ran(worker, code).stdout for _ in range(2)] == ["1\n", "2\n"]
    assert ran(worker, code, number=None).stdout == "2\n", "what does not count has no number"


def test_the_next_input_is_proposed(worker: DrivenWorker) -> None:
    code = "get_ipython().set_next_input('a = 1'); get_ipython().set_next_input('b', replace=True)"
    assert told(worker, code) == [NextInput(text="a = 1"), NextInput(text="b", replace=True)]


def test_exported_notebooks_run(worker: DrivenWorker) -> None:
    worker.printed("x = 'hi'\nget_ipython().run_line_magic('matplotlib', 'inline')\nget_ipython().magic('config a=1')")
    assert worker.printed("get_ipython().system('echo $x {len(x)}')") == "hi 2\n"
    assert worker.printed("print(get_ipython().getoutput('echo a; echo b'))") == "['a', 'b']\n"
    assert worker.printed("get_ipython().run_cell_magic('bash', '', 'echo here')") == "here\n"
    assert "Wall time" in worker.printed("get_ipython().run_line_magic('time', 'y = 5')")
    assert worker.printed("print(y, get_ipython().run_line_magic('pwd', ''))") == f"5 {worker.cwd}\n"
    error = worker.run("get_ipython().run_line_magic('nothing', '')").error
    assert error is not None
    assert "%nothing is not known" in error["value"]


def test_code_is_run_in_the_users_namespace(worker: DrivenWorker) -> None:
    code = (
        "shell = get_ipython()\nshell.ex('a = 1')\nshell.push({'b': 2})\ndef f():\n    c = 3\n    shell.push('c')\nf()"
    )
    worker.printed(code)
    assert worker.printed("print(shell.ev('a + b + c'))") == "6\n"
    done = ran(worker, "it = shell.run_cell('d = 7\\nd')\nprint(it.success, it.result, d)")
    assert done.stdout == "True 7 7\n"
    assert [bundle.data for bundle in bundles(done)] == [{"text/plain": "7"}]
    done = ran(worker, "it = shell.run_cell('1 / 0')\nprint(it.success, type(it.error_in_exec).__name__)")
    assert (done.error, done.stdout) == (None, "False ZeroDivisionError\n")
    assert "ZeroDivisionError: division by zero" in done.stderr


def test_a_traceback_is_shown(worker: DrivenWorker) -> None:
    done = worker.run("try: 1 / 0\nexcept Exception: get_ipython().showtraceback()")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert done.error is None


def test_callbacks_are_called_around_cells(worker: DrivenWorker) -> None:
    worker.printed(
        "events = get_ipython().events\ndef before(): print('before')\ndef known(info): print('known', info.raw_cell)\n"
        "def after(): print('after')\ndef result(it): print('result', it.success, it.result)\n"
        "them = {'pre_execute': before, 'pre_run_cell': known, 'post_execute': after, 'post_run_cell': result}\n"
        "for name, it in them.items(): events.register(name, it)"
    )
    assert ran(worker, "5").stdout == "before\nknown 5\nafter\nresult True 5\n"
    done = ran(worker, "1 / 0")
    assert done.stdout == "before\nknown 1 / 0\nafter\nresult False None\n"
    assert done.error is not None
    assert "interpreterd" not in done.error["traceback"]
    ran(worker, "events.unregister('post_run_cell', result); events.unregister('pre_execute', before)")
    worker.run("def wrong(): nobody\nevents.register('post_execute', wrong)")
    done = ran(worker, "6", expressions={"a": "1"})
    assert done.stdout == "known 6\nafter\n"
    assert done.error is None
    assert done.stderr.startswith("Error in callback <function wrong")
    assert [bundle.kind for bundle in bundles(done)] == ["evaluated", "result"]


def test_a_page_is_shown_to_a_client_of_pages(worker: DrivenWorker) -> None:
    (page,) = bundles(ran(worker, "zip?", pages=True))
    assert page.page
    assert "Type:        type" in str(page.data["text/plain"])
    done = ran(worker, "zip?")
    assert bundles(done) == []
    assert "Type:        type" in done.stdout
