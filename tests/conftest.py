"""Fixtures: a daemon as a user starts it, and what watches over every test."""

import asyncio
import contextlib
import os
import signal
import sys
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import blocking
import hypothesis
import pytest
import uvloop
from blockbuster import BlockBuster
from clients import Face
from harness import COMMAND, AppServer, Client, Daemon, Gate, children
from patience import Patience, end_at_timeout
from proxy import Proxy, proxy
from standing import SharedDaemon, StandingDaemons, tidied
from worker_driver import DrivenWorker, find_pythons

FEW_FILES = 20  # of a room

# By default an example fails after 200 ms, and a machine that is busy with something else makes any of them as slow.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Bound every wait of the suite, and let what it starts be interrupted, in the background of a shell, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(Patience(config), "patience")
    if "coverage" in sys.modules and sys.modules["coverage"].Coverage.current():
        from covering import Covering

        config.pluginmanager.register(Covering(), "covering")


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Use no further process for a few files that start none themselves: they are done before it would have begun."""
    asked = [Path(argument.partition("::")[0]) for argument in config.args]
    files = [file for path in asked for file in (path.rglob("test_*.py") if path.is_dir() else [path])]
    dear = any({"daemon", "project", "worker"} & set(file.resolve().parts) for file in files)
    return None if dear or len(files) > FEW_FILES else 0


def needs_a_daemon(item: pytest.Item) -> bool:
    """Whether a test is one of those that start a daemon, or uses one that others use, too."""
    folders = {"daemon", "project", "benchmarks"} & set(item.path.relative_to(item.config.rootpath).parts)
    fixtures = {"start_daemon", "standing", "standing_daemon"} & set(getattr(item, "fixturenames", ()))
    return bool(folders or fixtures or item.get_closest_marker("daemon"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of an xdist_group in one process, and large groups first.

    xdist looks for a group's name at the end of a test's id, and puts it there itself, but not since pytest 9.2
    (pytest-dev/pytest-xdist#1386). Then whoever builds what is distributed did so at the very end, perhaps, and the
    other process waited for the lock.
    """
    if config.getoption("quick"):
        dear = [item for item in items if needs_a_daemon(item)]
        config.hook.pytest_deselected(items=dear)
        items[:] = [item for item in items if item not in set(dear)]
    if not config.getoption("loadgroup", False):
        return
    for item in items:
        group = item.get_closest_marker("xdist_group")
        if group is not None and not item.nodeid.endswith(f"@{group.args[0]}"):
            item._id = type(item.id).parse(f"{item.nodeid}@{group.args[0]}")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test on the loop that the daemon runs on."""
    return {"uvloop": _new_event_loop}


def _new_event_loop() -> asyncio.AbstractEventLoop:
    loop = uvloop.new_event_loop()
    loop.set_exception_handler(end_at_timeout)
    return loop


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[BlockBuster]:
    """Fail a test in which the event loop's thread waits for a file, a socket or a lock."""
    blocker = blocking.blocker()
    blocker.activate()
    yield blocker
    blocker.deactivate()


@pytest.fixture(autouse=True)
def no_orphans(standing_daemons: StandingDaemons) -> Iterator[None]:
    """Fail a test that leaves a process, or a descriptor, behind."""
    before = set(children(os.getpid()))
    descriptors = len(os.listdir("/proc/self/fd"))
    yield
    left = set(children(os.getpid())) - before - standing_daemons.pids
    assert not left, f"processes left: {left}"
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 2, "descriptors left"


@pytest.fixture
def aiohttp_client(aiohttp_client: Any) -> Any:
    """``await aiohttp_client(app)``: as of pytest-aiohttp, but on connections of the daemon's own kind."""
    return lambda app: aiohttp_client(AppServer(app))


@pytest.fixture
async def start_daemon(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Daemon]]]:
    """Start daemons, ``await start_daemon("--flag", "value", env={...})``; they are ended with the test."""
    daemons: list[Daemon] = []

    async def start(*flags: str, env: dict[str, str] | None = None, command: list[str] | None = None) -> Daemon:
        daemon = Daemon(command or [str(COMMAND)], flags, tmp_path, env or {})
        daemons.append(daemon)
        await daemon.start()
        return daemon

    yield start
    for daemon in daemons:
        await daemon.stop()


@pytest.fixture
async def daemon(start_daemon: Callable[..., Awaitable[Daemon]]) -> Daemon:
    """A daemon with the default settings."""
    return await start_daemon()


@pytest.fixture
async def own_client(daemon: Daemon) -> AsyncIterator[Client]:
    """A client of ``daemon``."""
    async with Client(daemon.url) as client:
        yield client


@pytest.fixture(scope="session")
def standing_daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandingDaemons]:
    """Daemons for as many tests as do not mind."""
    with contextlib.ExitStack() as until:
        yield StandingDaemons(lambda: tmp_path_factory.mktemp("standing"), until)


@pytest.fixture
async def standing(standing_daemons: StandingDaemons) -> AsyncIterator[Callable[..., SharedDaemon]]:
    """``standing("--flag", "value")``: a daemon with these flags that other tests use, too; its contexts end with each.

    A test that ends it, or changes it for good, starts its own.
    """
    used: list[SharedDaemon] = []

    def get(*flags: str) -> SharedDaemon:
        used.append(standing_daemons.get(*flags))
        return used[-1]

    yield get
    for daemon in used:
        await tidied(daemon)


@pytest.fixture(scope="session")
def standing_daemon(standing_daemons: StandingDaemons) -> SharedDaemon:
    """The one with the default settings, for tests that tidy up themselves."""
    return standing_daemons.get()


@pytest.fixture
async def url(standing: Callable[..., SharedDaemon]) -> str:
    """Where the one with the default settings listens."""
    return standing().url


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    """A client of that daemon."""
    async with Client(url) as client:
        yield client


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Face:
    """The Python client, once with each of its faces."""
    return Face(request.param)


@pytest.fixture
async def py(face: Face, url: str) -> AsyncIterator[Any]:
    """A Python client of the standing daemon."""
    async with face(url) as client:
        yield client


@pytest.fixture
async def through(url: str) -> AsyncIterator[Proxy]:
    """A proxy before the standing daemon."""
    async with proxy(url) as before:
        yield before


@pytest.fixture
async def stranger() -> AsyncIterator[Proxy]:
    """A proxy with no daemon behind it, which answers what a test wants."""
    async with proxy("http://127.0.0.1:1") as alone:
        yield alone


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A place where user code waits for the test."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.close()


@pytest.fixture(scope="session")
def pythons() -> dict[str, str]:
    """The CPythons on this machine that a worker must run under: version, as ``3.9``, to path."""
    return find_pythons()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what ``make test ARGS=…`` may say."""
    parser.addoption("--quick", action="store_true", help="run the tests that start no daemon")
    parser.addoption("--all-pythons", action="store_true", help="run every test of the worker under each Python")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the Python of a test that has a ``worker``, or of those in which only the oldest or the newest differ.

    Which one, depends on the test's name: so each of them is met by many. All of them would be half of the suite.
    """
    every = list(find_pythons())
    for fixture, pythons in (("worker", every), ("edge_worker", every[:: max(len(every) - 1, 1)])):
        if fixture in metafunc.fixturenames and not hasattr(metafunc.module, fixture):  # that is another one
            number = zlib.crc32(metafunc.definition.nodeid.encode()) % len(pythons)
            chosen = pythons if metafunc.config.getoption("all_pythons") else [pythons[number]]
            metafunc.parametrize(fixture, chosen, indirect=True)


@pytest.fixture
def worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DrivenWorker]:
    """A worker without a daemon, in the directory ``tmp_path``; see ``pytest_generate_tests`` for its Python."""
    with DrivenWorker(find_pythons()[request.param], tmp_path) as worker:
        yield worker


@pytest.fixture
def edge_worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DrivenWorker]:
    """As ``worker``, under the oldest and the newest Python only."""
    with DrivenWorker(find_pythons()[request.param], tmp_path) as worker:
        yield worker
