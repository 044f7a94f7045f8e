"""What code has at hand in a copy: frames, figures, results, host functions, comms."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster
from branched import Bench, Coder, bench

from interpreterd.model.displays import Json
from interpreterd.model.functions import HostFunction
from interpreterd.model.looks import History, HistoryQuery, Task
from interpreterd.pipe.calls import Called, Return
from interpreterd.pipe.messages import Done


@pytest.fixture
async def libraries(tmp_path: Path, no_blocking: BlockBuster) -> AsyncIterator[Bench]:
    """Yield workers of this Python, which has libraries."""
    no_blocking.deactivate()
    async with bench(tmp_path, python=sys.executable) as it:
        yield it


@pytest.mark.xdist_group("libraries")
async def test_frames_and_figures_change_apart(libraries: Bench) -> None:
    code = """
import pandas
from matplotlib import pyplot
df = pandas.DataFrame({"a": range(5), "b": list("vwxyz")})
view = df["a"]
figure, axes = pyplot.subplots()
axes.plot(df["a"])
"""
    original = await libraries.worker(code)
    copies, told = await libraries.branched(original, copies=2)
    assert told.lost == ()
    for number, coder in enumerate((original, *copies)):
        change = f"df['c'] = {number}; df.loc[0, 'a'] = {number}; axes.plot(df['c']); axes.set_title('{number}')"
        await coder.run(change)
    for number, coder in enumerate((original, *copies)):
        shown = "print(df['c'].sum(), df.loc[0, 'a'], len(axes.lines), axes.get_title(), df.groupby('b').ngroups)"
        assert await coder.run(shown) == f"{5 * number} {number} 2 {number} 5\n"
    for coder in (copies[0], original):
        await coder.run("display(figure)")
        assert "image/png" in coder.bundles[-1].data


async def test_the_latest_value_and_the_history_are_there_and_go_on(copying: Bench) -> None:
    original = await copying.worker()
    await original.run("20 + 1", results=True)
    copy = await copying.copy(original)
    copy.go_on_from(original)
    await copy.run("30 + 3", results=True)
    assert [await it.run("print(_)") for it in (copy, original)] == ["33\n", "21\n"]
    copy.start("", task=Task(kind="history", history=HistoryQuery(access="tail", n=10)), counted=False)
    done = await copy.message()
    assert isinstance(done, Done)
    assert isinstance(done.found, History)
    assert [(it.number, it.source) for it in done.found.cells] == [(1, "20 + 1"), (2, "30 + 3"), (3, "print(_)")]


async def test_host_functions_are_called_from_a_copy(copying: Bench) -> None:
    original = await copying.worker()
    functions = (HostFunction(name="search"),)
    original.start("first = search('a')", functions=functions)
    await give(original, "from the first")
    await original.finish()
    copy = await copying.copy(original)
    for coder in (copy, original):
        coder.start("print(first, search('b'))", functions=functions)
        await give(coder, "more")
        assert await coder.finish() == "from the first more\n"


async def give(coder: Coder, value: str) -> None:
    """Answer the call that comes next."""
    call = await coder.message()
    assert isinstance(call, Called)
    coder.worker.send(Return(number=call.number, value=Json(f'"{value}"')))


async def test_classes_and_sources_are_found_in_a_copy(copying: Bench) -> None:
    original = await copying.worker("import inspect, pickle\nclass Point:\n    def __init__(self):\n        self.x = 1")
    copy = await copying.copy(original)
    code = "print(inspect.getsource(Point).splitlines()[0], pickle.loads(pickle.dumps(Point())).x, __name__)"
    assert await copy.run(code) == "class Point: 1 __main__\n"
