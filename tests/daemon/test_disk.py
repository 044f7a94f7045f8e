"""The limit of disk space, as clients see it."""

from pathlib import Path

import pytest
from contract import COMPLETED, RESTARTED, ended, error, stdout
from harness import Client, Gate

MIB = 1 << 20
EXCEEDED = ([error("WorkerDied", "disk limit of 8 MiB exceeded"), COMPLETED], 1000, "")
WAIT = "\nimport signal; signal.pause()"
FILLERS = {
    "files": "for i in range(6): open(str(i), 'wb').write(bytes(2 << 20))",
    "allocated": "import os\nfor i in range(6):\n"
    "    with open(str(i), 'wb') as file: os.posix_fallocate(file.fileno(), 0, 2 << 20)",
    "deep below": "import os\nos.makedirs('a/b/c')\nfor i in range(6): open(f'a/b/c/{i}', 'wb').write(bytes(2 << 20))",
    "a child": "import os; os.system('for i in 1 2 3 4 5 6; do head -c 2M /dev/zero > $i; done')",
    "deleted and open": "import os\nkept = []\nfor i in range(6):\n    kept.append(open('a', 'wb', 0))\n"
    "    kept[-1].write(bytes(2 << 20))\n    os.remove('a')",
}


@pytest.mark.parametrize("code", FILLERS.values(), ids=FILLERS)
async def test_disk_space_however_it_is_taken(client: Client, tmp_path: Path, code: str) -> None:
    context = await client.create(cwd=str(tmp_path), limits={"diskBytes": 8 * MIB})
    assert ended(await client.run(code + WAIT, context)) == EXCEEDED


async def test_a_context_beyond_its_limit_can_delete_files_and_then_write_again(client: Client, tmp_path: Path) -> None:
    (tmp_path / "before").write_bytes(bytes(20 * MIB))
    context = await client.create(cwd=str(tmp_path), limits={"diskBytes": 8 * MIB})
    assert ended(await client.run(FILLERS["files"] + WAIT, context)) == EXCEEDED
    result = await client.run("open('more', 'wb', 0).write(b'x')", context)
    assert result.error is not None
    assert result.error["value"] == "[Errno 27] File too large"
    delete = (
        "import os\nfor i in range(6): os.remove(str(i))\nwhile True:\n"
        "    try: open('more', 'wb', 0).write(b'x')\n    except OSError: continue\n    break\nprint('written')"
    )
    assert ended(await client.run(delete, context)) == ([stdout("written\n"), COMPLETED], 1000, "")


async def test_no_file_may_be_longer_than_the_limit(client: Client, tmp_path: Path) -> None:
    context = await client.create(cwd=str(tmp_path), limits={"diskBytes": 8 * MIB})
    result = await client.run("x = 1\nopen('a', 'wb', 0).truncate(9 << 20)", context)
    assert result.error is not None
    assert result.error["name"] == "OSError"
    assert (await client.run("print(x)", context)).stdout == "1\n"


async def test_a_neighbour_in_the_same_directory_is_not_affected(client: Client, gate: Gate, tmp_path: Path) -> None:
    first = await client.create(cwd=str(tmp_path), limits={"diskBytes": 8 * MIB})
    second = await client.create(cwd=str(tmp_path), limits={"diskBytes": 8 * MIB})
    async with client.running(f"print('begun')\n{gate.wait}\nprint('lives')", contextId=second) as running:
        await running.until("begun")
        assert ended(await client.run(FILLERS["files"] + WAIT, first)) == EXCEEDED
        again = "open('a', 'wb').write(bytes(2 << 20))"
        assert RESTARTED in (await client.run(again, first)).messages
        gate.open()
        assert (await running.finish()).stdout == "begun\nlives\n"
    assert ended(await client.run(again, second)) == ([COMPLETED], 1000, "")


async def test_a_directory_that_is_a_link_is_measured_where_it_leads(client: Client, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    context = await client.create(cwd=str(tmp_path / "link"), limits={"diskBytes": 8 * MIB})
    assert ended(await client.run(FILLERS["files"] + WAIT, context)) == EXCEEDED
