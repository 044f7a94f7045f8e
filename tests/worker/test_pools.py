"""Pools of threads in libraries of C: a copy does not hang, or it is said."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster
from branched import Bench, bench


@pytest.fixture
async def libraries(tmp_path: Path, no_blocking: BlockBuster) -> AsyncIterator[Bench]:
    """Yield workers of this Python, which has libraries."""
    no_blocking.deactivate()
    async with bench(tmp_path) as it:
        yield it


@pytest.mark.xdist_group("libraries")
async def test_numpys_pool_works_in_copies_and_in_the_original(libraries: Bench) -> None:
    code = "import numpy\nnumpy.random.seed(1)\na = numpy.ones((600, 600))\nexpected = (a @ a).sum()"
    original = await libraries.worker(code)
    copies, told = await libraries.branched(original, copies=2)
    assert (told.lost, "numpy" in told.reseeded) == ((), True)
    for coder in (*copies, original):
        assert await coder.run("print((a @ a).sum() == expected)") == "True\n"
    assert len({await coder.run("print(numpy.random.random(4))") for coder in (*copies, original)}) == 3


@pytest.mark.xdist_group("libraries")
async def test_a_checkpoint_keeps_the_state_of_numpys_random_numbers(libraries: Bench) -> None:
    original = await libraries.worker("import numpy\nnumpy.random.seed(7)")
    parked = await libraries.copy(original, purpose="checkpoint")
    first, second = [await libraries.copy(parked, purpose="restore") for _ in range(2)]
    assert len({await coder.run("print(numpy.random.random(4))") for coder in (first, second, original)}) == 1


@pytest.fixture
def openmp(tmp_path: Path) -> Path:
    """Return a library that computes with GNU's OpenMP."""
    source, library = tmp_path / "omp.c", tmp_path / "omp.so"
    source.write_text(
        "int sum(void) { int s = 0;\n#pragma omp parallel for num_threads(4) reduction(+:s)\n"
        "for (int i = 0; i < 1000; i++) s += i; return s; }"
    )
    command = ["gcc", "-fopenmp", "-shared", "-fPIC", "-o", str(library), str(source)]
    try:
        subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no gcc with OpenMP")
    return library


async def test_gnus_openmp_works_in_copies_and_in_the_original(libraries: Bench, openmp: Path) -> None:
    original = await libraries.worker()
    assert await original.run(f"import ctypes\nomp = ctypes.CDLL({str(openmp)!r})\nprint(omp.sum())") == "499500\n"
    copies, told = await libraries.branched(original, copies=2)
    assert told.lost == ()
    for coder in (*copies, original):
        assert await coder.run("print(omp.sum())") == "499500\n"


@pytest.mark.xdist_group("libraries")
async def test_scikit_learns_openmp_works_in_copies_and_in_the_original(libraries: Bench) -> None:
    pytest.importorskip("sklearn")
    code = """
import numpy
from sklearn.cluster import KMeans
x = numpy.random.default_rng(1).random((5000, 4))
expected = KMeans(3, random_state=1, n_init=1).fit(x).inertia_
"""
    original = await libraries.worker(code)
    copies, told = await libraries.branched(original, copies=2)
    assert told.lost == ()
    for coder in (*copies, original):
        assert (
            await coder.run("print(abs(KMeans(3, random_state=1, n_init=1).fit(x).inertia_ - expected) < 1)")
            == "True\n"
        )


@pytest.mark.xdist_group("libraries")
async def test_a_pool_that_does_not_come_along_is_named(libraries: Bench) -> None:
    pytest.importorskip("polars")
    original = await libraries.worker("import polars\npolars.DataFrame({'a': range(10)}).lazy().sort('a').collect()")
    _, told = await libraries.branched(original)
    assert any(it.kind == "thread_pool" and it.name.startswith("polars") for it in told.lost)
