"""A session of data analysis with the ``daytona`` client."""

import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from daytona.common.code_interpreter import OutputMessage
from harness import Daemon
from sdk import Interpreter, async_interpreter, sync_interpreter

CSV = """\
city,year,visitors
Berlin,2023,12
Berlin,2024,13
Lisbon,2023,6
Lisbon,2024,8
"""
MISTAKE = """\
def visitors_of(city):
    return frame.set_index("city").loc[city, "vistors"]

visitors_of("Berlin")
"""
PICTURE = """\
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

figure, axes = plt.subplots()
frame.pivot(index="year", columns="city", values="visitors").plot(ax=axes, kind="bar")
figure.savefig("visitors.png")
"""


# the import of pandas and matplotlib takes seconds if their files are not in the page cache
@pytest.mark.timeout(180)
@pytest.mark.parametrize("interpreter", [sync_interpreter, async_interpreter], ids=["sync", "async"])
async def test_session(
    start_daemon: Callable[..., Awaitable[Daemon]],
    interpreter: Callable[[str], AbstractAsyncContextManager[Interpreter]],
    tmp_path: Path,
) -> None:
    daemon = await start_daemon("--python", sys.executable, env={"MPLCONFIGDIR": str(tmp_path / "matplotlib")})
    home = tmp_path / "home"
    home.mkdir()
    (home / "visitors.csv").write_text(CSV)
    async with interpreter(daemon.url) as sdk:
        context = await sdk.create_context(cwd=str(home))

        load = await sdk.run_code("import pandas as pd\nframe = pd.read_csv('visitors.csv')", context=context)
        assert (load.stdout, load.stderr, load.error) == ("", "", None)

        pieces: list[OutputMessage] = []
        analysis = await sdk.run_code(
            "print(frame.groupby('city').visitors.sum().to_dict())", context=context, on_stdout=pieces.append
        )
        assert analysis.stdout == "{'Berlin': 25, 'Lisbon': 14}\n"
        assert "".join(piece.output for piece in pieces) == analysis.stdout

        mistake = await sdk.run_code(MISTAKE, context=context)
        assert mistake.error is not None
        assert (mistake.error.name, mistake.error.value) == ("KeyError", "'vistors'")
        traceback = mistake.error.traceback
        assert traceback.startswith("Traceback (most recent call last):\n")
        assert traceback.endswith("KeyError: 'vistors'\n")
        # both frames of the user's code with their lines, then the frames of pandas
        assert 'visitors_of("Berlin")' in traceback
        assert 'in visitors_of\n    return frame.set_index("city").loc[city, "vistors"]' in traceback
        assert "pandas/core/indexing.py" in traceback
        assert "interpreterd" not in traceback

        corrected = await sdk.run_code(
            MISTAKE.replace("vistors", "visitors") + "print(visitors_of('Lisbon').tolist())",
            context=context,
        )
        assert (corrected.stdout, corrected.error) == ("[6, 8]\n", None)

        picture = await sdk.run_code(PICTURE, context=context)
        assert picture.error is None
        assert (home / "visitors.png").read_bytes().startswith(b"\x89PNG\r\n")

        assert (await sdk.run_code("exit()", context=context)).error is None
        assert [known.active for known in await sdk.list_contexts()] == [False]

        lost = await sdk.run_code("frame", context=context)
        assert lost.error is not None
        assert (lost.error.name, lost.error.value) == ("NameError", "name 'frame' is not defined")
        again = await sdk.run_code(
            "import pandas as pd\nprint(len(pd.read_csv('visitors.csv')))", context=context, timeout=60
        )
        assert (again.stdout, again.error) == ("4\n", None)
        assert [known.active for known in await sdk.list_contexts()] == [True]
        await sdk.delete_context(context)
        assert await sdk.list_contexts() == []
