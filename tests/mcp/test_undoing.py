"""The tools that copy a context and go back in one."""

from tooling import STRANGER, Tools, structured, told


async def test_a_copy_has_the_variables_and_is_nobodys_own(tools: Tools) -> None:
    context = structured(await tools.run("x = [1]"))["context"]
    made = await tools("contexts", fork=context)
    (fork,) = structured(made)["contexts"]
    assert told(made) == f"made context {fork['context']}, a copy of {context}"
    assert not fork["own"]
    assert told(await tools.run("x.append(2); x", context=fork["context"])) == "[1, 2]"
    assert told(await tools.run("x")) == "[1]", "the own context is the same"
    assert (await tools.of(STRANGER)("contexts", fork=context)).is_error


async def test_a_copy_says_what_it_lacks(tools: Tools) -> None:
    code = "import threading; it = threading.Timer(1000, print); it.name = 'ticking'; it.start()"
    context = structured(await tools.run(code))["context"]
    said = told(await tools("contexts", fork=context))
    assert "; it lacks what no copy can have: thread " in said
    assert "ticking" in said


async def test_undo_goes_back_before_code_that_had_a_checkpoint(tools: Tools) -> None:
    context = structured(await tools.run("x = 1"))["context"]
    await tools.run("x = 2", checkpoint=True)
    undone = await tools("undo")
    assert told(undone) == f"the variables of context {context} are as they were before the last run_python"
    assert (structured(undone)["context"], structured(undone)["own"]) == (context, True)
    assert told(await tools.run("x")) == "1"
    refused = await tools("undo")
    assert refused.is_error
    assert "checkpoint" in told(refused)
