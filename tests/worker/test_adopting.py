"""A copy has pipes and a directory of its own, and everything else where it was."""

from pathlib import Path

import pytest
from branched import Bench


async def test_what_code_has_put_on_its_descriptors_stays_there(copying: Bench, tmp_path: Path) -> None:
    original = await copying.worker("import os, sys\nspare = os.dup(1)\nf = open('log', 'w')\nos.dup2(f.fileno(), 1)")
    copy = await copying.copy(original)
    assert await copy.run("print('to the file'); sys.stdout.flush(); os.dup2(spare, 1); print('to the pipe')") == (
        "to the pipe\n"
    )
    assert (tmp_path / "log").read_text() == "to the file\n"
    assert await original.run("os.dup2(spare, 1); print('mine')") == "mine\n"


async def test_all_ways_to_write_lead_to_the_copys_own_pipes(copying: Bench) -> None:
    original = await copying.worker("import os, sys, subprocess\nsaved = os.dup(1)")
    copy = await copying.copy(original)
    code = """
print('a')
sys.stderr.write('b\\n')
os.write(saved, b'c\\n')
os.system('echo d')
subprocess.run('echo e >&2', shell=True)
"""
    assert sorted(await copy.run(code)) == sorted("a\nb\nc\nd\ne\n")
    assert await original.run("print(1)") == "1\n"


async def test_values_are_shown_and_questions_asked_in_a_copy(copying: Bench) -> None:
    original = await copying.worker("a = 20")
    await original.run("a + 1", results=True)
    copy = await copying.copy(original)
    await copy.run("a + 2", results=True)
    assert ([it.data["text/plain"] for it in copy.bundles], len(original.bundles)) == (["22"], 1)
    copy.start("print(input('who? '))", stdin=True)
    assert await copy.answer("me") == "who? "
    assert await copy.finish() == "me\n"


@pytest.mark.parametrize("below", ["", "sub"])
async def test_another_directory_is_entered_at_the_same_place(copying: Bench, tmp_path: Path, below: str) -> None:
    copied = tmp_path / "copied"
    (copied / "sub").mkdir(parents=True)
    here = copying.cwd = tmp_path / "here"
    (here / "sub").mkdir(parents=True)
    for folder in (here, copied):
        (folder / "sub" / "beside.py").write_text(f"place = {folder.name!r}")
    code = f"import os, sys\nsys.path.append({str(here / 'sub')!r})\nos.chdir({str(here / below)!r})"
    original = await copying.worker(code)
    copy = await copying.copy(original, cwds=[str(copied)])
    shown = "import beside; print(os.getcwd(), os.environ['PWD'], beside.place)"
    assert await copy.run(shown) == f"{copied / below} {copied / below} copied\n".replace("/ ", " ")
    assert await original.run("import beside; print(os.getcwd(), beside.place)") == f"{here / below} here\n"
    assert copy.worker.configured is not None
    assert copy.worker.configured.cwd == str(copied)


async def test_a_copy_stays_in_a_directory_outside(copying: Bench, tmp_path: Path) -> None:
    original = await copying.worker("import os; os.chdir('/')")
    copy = await copying.copy(original, cwds=[str(tmp_path)])
    assert await copy.run("print(os.getcwd())") == "/\n"
