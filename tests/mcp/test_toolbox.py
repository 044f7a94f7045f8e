"""``mcp.toolbox``: what the tools answer."""

import asyncio
from pathlib import Path

import pytest
from harness import Gate
from tooling import HOMELESS, STRANGER, Tools, kinds_of, structured, told

from interpreterd.mcp.answers import LinkBlock, PictureBlock
from interpreterd.mcp.declared import tools as declared_tools
from interpreterd.mcp.gathering import Shape

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
PICTURE = "display({'image/png': %r, 'text/plain': 'a picture'}, raw=True)"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


async def test_variables_stay_in_the_callers_own_context(tools: Tools) -> None:
    first = await tools.run("x = 20\nprint('hello')")
    assert (told(first), first.is_error) == ("hello", False)
    second = await tools.run("x + 1")
    assert told(second) == "21"
    assert structured(second) == {
        "context": structured(first)["context"],
        "execution": structured(second)["execution"],
        "outcome": "completed",
        "error": None,
        "restarted": False,
        "cutChars": 0,
        "nextEvent": 3,
        "images": 0,
    }
    assert told(await tools.run("y = 1")) == "(no output)"


async def test_output_of_both_streams_values_and_tables_are_text_in_their_order(tools: Tools) -> None:
    code = "import sys, pandas\nprint(1)\nprint(2, file=sys.stderr)\ndisplay({'a': 1})\npandas.DataFrame({'n': [3, 4]})"
    assert told(await tools.run(code)) == "1\n2\n{'a': 1}\n   n\n0  3\n1  4"


async def test_an_exception_is_an_error_with_the_users_traceback(tools: Tools) -> None:
    failed = await tools.run("print('before')\ndef f():\n    1 / 0\nf()")
    lines = told(failed).splitlines()
    assert (lines[0], lines[-1], failed.is_error) == ("before", "ZeroDivisionError: division by zero", True)
    assert len([line for line in lines if line.startswith("  File ")]) == 2
    assert structured(failed)["error"] == {"name": "ZeroDivisionError", "value": "division by zero"}


async def test_a_plot_is_a_picture(tools: Tools) -> None:
    answer = await tools.run(PLOT)
    assert kinds_of(answer) == ["PictureBlock"]
    picture = answer.content[0]
    assert isinstance(picture, PictureBlock)
    assert (picture.mime, picture.data[:11], structured(answer)["images"]) == ("image/png", "iVBORw0KGgo", 1)


async def test_a_picture_that_is_too_large_is_a_link_that_can_be_read(url: str) -> None:
    tools = Tools.at(url, shape=Shape(image_bytes=10))
    answer = await tools.run(PICTURE % PIXEL)
    assert kinds_of(answer) == ["TextBlock", "LinkBlock"]
    link = answer.content[1]
    assert isinstance(link, LinkBlock)
    assert link.uri in told(answer)
    read = await tools.toolbox.read(link.uri, tools.caller)
    assert read is not None
    assert (read.mime, read.base64) == ("image/png", PIXEL)
    assert await tools.toolbox.read(link.uri + "0", tools.caller) is None
    await tools.daemon.close()


async def test_of_many_pictures_a_few_are_sent(tools: Tools) -> None:
    answer = await tools.run("\n".join([PICTURE % PIXEL] * 6))
    assert kinds_of(answer).count("PictureBlock") == 4
    assert kinds_of(answer).count("LinkBlock") == 2


async def test_long_output_loses_its_middle_and_says_how_to_read_it(tools: Tools) -> None:
    answer = await tools.run("for i in range(20_000): print(i)")
    text = told(answer)
    assert text.startswith("0\n1\n2\n")
    assert text.endswith("\n19998\n19999")
    assert len(text) < 31_000
    assert structured(answer)["cutChars"] > 70_000
    execution = structured(answer)["execution"]
    assert f"`wait` with execution {execution}, from 0, offset 7500 shows more" in text
    page = told(await tools("wait", execution=execution, from_=0, offset=7500))
    whole = "".join(f"{number}\n" for number in range(20_000))
    assert page.startswith(whole[7500:37_500].rstrip("\n"))
    assert "offset 37500" in page
    assert told(await tools("wait", execution=execution, offset=len(whole) - 6)) == "19999"


async def test_a_long_run_goes_on_and_is_come_back_to(tools: Tools, gate: Gate) -> None:
    code = f"print('begun', flush=True)\n{gate.wait}\nprint('done')"
    begun = await tools.run(code, wait=0.5)
    execution = structured(begun)["execution"]
    assert (structured(begun)["outcome"], begun.is_error) == ("running", False)
    assert f"call `wait` with execution {execution}" in told(begun)
    still = await tools("wait", execution=execution, seconds=0)
    assert structured(still)["outcome"] == "running"
    gate.open()
    ended = await tools("wait", execution=execution)
    shown = (told(begun) + told(still) + told(ended)).replace("\n", " ")
    assert structured(ended)["outcome"] == "completed"
    assert "begun" in shown
    assert told(ended).endswith("done")
    assert told(await tools("wait", execution=execution, from_=0)) == "begun\ndone"


async def test_code_can_begin_in_the_background(tools: Tools, gate: Gate) -> None:
    begun = await tools.run(gate.wait, wait=0)
    assert structured(begun)["outcome"] == "running"
    behind = await tools.run("print('later')", wait=0)
    assert "still waiting for its turn, behind 1" in told(behind)
    gate.open()
    assert told(await tools("wait", execution=structured(behind)["execution"])) == "later"


async def test_a_call_that_is_cancelled_interrupts_the_code(tools: Tools) -> None:
    seen = structured(await tools.run("x = 'kept'"))
    py = await tools.client()
    running = asyncio.create_task(tools.run("print('here', flush=True)\nwhile True: pass"))
    while (await py.get_context(seen["context"]))["state"] != "busy":  # each turn asks the daemon
        pass
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert told(await tools.run("print(x)")) == "kept"


async def test_a_wait_that_is_cancelled_leaves_the_code_running(tools: Tools, gate: Gate) -> None:
    execution = structured(await tools.run(gate.wait + "\nprint('done')", wait=0))["execution"]
    waiting = asyncio.create_task(tools("wait", execution=execution))
    await asyncio.wait([waiting], timeout=0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.open()
    assert told(await tools("wait", execution=execution)) == "done"


async def test_interrupt_stops_what_runs_and_keeps_variables(tools: Tools) -> None:
    assert structured(await tools("interrupt")) == {"did": "idle"}
    await tools.run("x = 5")
    begun = structured(await tools.run("while True: pass", wait=0))
    assert structured(await tools("interrupt", execution=begun["execution"])) == {"did": "interrupting"}
    ended = await tools("wait", execution=begun["execution"])
    assert (structured(ended)["outcome"], ended.is_error) == ("interrupted", True)
    assert told(ended).endswith("variables are kept]")
    assert told(await tools.run("x")) == "5"


async def test_a_timeout_and_a_death_are_errors_that_say_what_is_lost(tools: Tools) -> None:
    late = await tools.run("x = 1\nwhile True: pass", timeout=1)
    assert (late.is_error, structured(late)["error"]["name"]) == (True, "TimeoutError")
    assert told(late).endswith("[interrupted: execution timed out after 1 s; variables are kept]")
    dead = await tools.run("import os; os._exit(3)")
    assert structured(dead)["outcome"] == "lost"
    assert told(dead).endswith("[lost: exit status 3; variables are lost; the next call starts a new Python]")
    again = await tools.run("print('x' in globals())")
    assert told(again) == "[Python was restarted: earlier variables are gone]\nFalse"
    assert structured(again)["restarted"]


async def test_restart_gives_a_fresh_python(tools: Tools) -> None:
    context = structured(await tools.run("x = 1"))["context"]
    restarted = await tools("restart")
    assert (structured(restarted)["context"], structured(restarted)["own"]) == (context, True)
    assert told(await tools.run("print('x' in globals())")).endswith("False")


async def test_contexts_are_made_listed_and_ended(tools: Tools, tmp_path: Path) -> None:
    assert told(await tools("contexts")) == "you have no context yet"
    made = structured(await tools("contexts", new={"cwd": str(tmp_path), "envs": {"WORD": "x"}}))["contexts"][0]
    assert (made["cwd"], made["own"]) == (str(tmp_path), False)
    code = "import os; print(os.environ['WORD'], os.getcwd())"
    assert told(await tools.run(code, context=made["context"])) == f"x {tmp_path}"
    own = structured(await tools.run("1"))["context"]
    listed = structured(await tools("contexts"))["contexts"]
    assert {(it["context"], it["own"]) for it in listed} == {(made["context"], False), (own, True)}
    assert structured(await tools("contexts", end=own))["ended"] == own
    gone = await tools.run("1", context=own)
    assert (gone.is_error, told(gone)) == (True, f"you have no context {own}: `contexts` lists yours")
    assert structured(await tools.run("1"))["context"] != own


async def test_the_own_context_that_others_have_deleted_is_made_again(tools: Tools) -> None:
    own = structured(await tools.run("x = 1"))["context"]
    await (await tools.client()).delete_context(own)
    again = await tools.run("print('x' in globals())")
    assert told(again) == "[Python was restarted: earlier variables are gone]\nFalse"
    assert structured(again)["context"] != own


async def test_what_another_client_made_is_neither_listed_nor_touched(tools: Tools, gate: Gate) -> None:
    begun = structured(await tools.run(gate.wait, wait=0))
    context, execution = begun["context"], begun["execution"]
    native = (await (await tools.client()).create_context()).id
    stranger = tools.of(STRANGER)
    assert structured(await stranger("contexts"))["contexts"] == []
    refused = [
        await stranger.run("1", context=context),
        await stranger("wait", execution=execution),
        await stranger("interrupt", execution=execution),
        await stranger("interrupt", context=context),
        await stranger("restart", context=context),
        await stranger("contexts", end=context),
        await stranger("files", action="list", context=context),
        await stranger.run("1", context=native),
        await stranger.run("1", context="default"),
        await stranger("contexts", end="default"),
    ]
    assert [(answer.is_error, told(answer)[:8]) for answer in refused] == [(True, "you have")] * len(refused)
    gate.open()
    assert structured(await tools("wait", execution=execution))["outcome"] == "completed"


async def test_all_contexts_are_seen_if_that_is_wanted(url: str) -> None:
    tools = Tools.at(url, sees_all=True)
    native = (await (await tools.client()).create_context()).id
    assert native in told(await tools.of(STRANGER)("contexts"))
    assert told(await tools.of(STRANGER).run("6 * 7", context=native)) == "42"
    await tools.daemon.close()


async def test_a_caller_without_a_home_gets_a_new_context_and_is_told(url: str) -> None:
    tools = Tools.at(url, caller=HOMELESS)
    first = await tools.run("x = 1")
    context = structured(first)["context"]
    assert told(first).startswith(f"[new context {context}: pass it as `context` to keep its variables]")
    assert structured(await tools.run("x"))["error"]["name"] == "NameError"
    assert told(await tools.run("x", context=context)) == "1"
    assert told(await tools("interrupt")) == "interrupt needs the argument execution or context"
    assert told(await tools("restart")) == "restart needs the argument context, a string that is not empty"
    await tools.daemon.close()


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("run_python", {}, "run_python needs the argument code, a string that is not empty"),
        ("run_python", {"code": 1}, "code must be a string, not a number"),
        ("run_python", {"code": "1", "wait": 60}, "wait must be from 0 to 45, not 60"),
        ("run_python", {"code": "1", "timeout": 0}, "timeout must be from 1 to 604800, not 0"),
        ("run_python", {"code": "1", "contxt": "x"}, "run_python has no argument contxt; did you mean context?"),
        ("run_python", {"code": "\ud800"}, "code cannot be sent"),
        ("wait", {"execution": "nonsense"}, "you have no execution nonsense, or it is forgotten"),
        ("contexts", {"new": {"cwd": "/no/such"}}, "Working directory does not exist: /no/such"),
        ("contexts", {"new": {"envs": {"A": 1}}}, "envs must be an object whose values are strings"),
        ("contexts", {"new": {}, "end": "x"}, "contexts takes new, fork or end, not several of them"),
        ("contexts", {"fork": "nonsense"}, "you have no context nonsense"),
        ("run_python", {"code": "1", "checkpoint": "yes"}, "checkpoint must be a boolean, not a string"),
        ("files", {}, "files needs the argument action: one of list, read, write"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(
    tools: Tools, tool: str, arguments: dict[str, object], said: str
) -> None:
    answer = await tools(tool, **arguments)
    assert answer.is_error
    assert told(answer).startswith(said)
    assert "\n" not in told(answer)


async def test_a_daemon_that_is_not_there_is_one_sentence() -> None:
    tools = Tools.at("http://127.0.0.1:9")
    answer = await tools.run("1")
    assert (answer.is_error, told(answer).startswith("no daemon answers at http://127.0.0.1:9")) == (True, True)
    await tools.daemon.close()


def test_every_tool_that_is_declared_has_its_work() -> None:
    tools = Tools.at("http://127.0.0.1:9")
    assert set(tools.toolbox._tools) == {it.name for it in declared_tools(keeps=True)}
