"""Fixtures: a daemon as a user starts it, and guards around every test."""

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

FEW_FILES = 20  # files of tests that run in one process

# By default hypothesis fails an example after 200 ms. A busy machine may need longer for any example.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Bound every wait of the suite, and let SIGINT work also when a shell starts the suite in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(Patience(config), "patience")
    if "coverage" in sys.modules and sys.modules["coverage"].Coverage.current():
        from covering import Covering

        config.pluginmanager.register(Covering(), "covering")


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run a few files of cheap tests in this process: further processes would start too late to help."""
    asked = [Path(argument.partition("::")[0]) for argument in config.args]
    files = [file for path in asked for file in (path.rglob("test_*.py") if path.is_dir() else [path])]
    dear = any({"clients", "daemon", "project", "worker"} & set(file.resolve().parts) for file in files)
    return None if dear or len(files) > FEW_FILES else 0


def needs_a_daemon(item: pytest.Item) -> bool:
    """Return whether a test starts a daemon or uses a shared daemon."""
    folders = {"clients", "daemon", "project", "benchmarks"} & set(item.path.relative_to(item.config.rootpath).parts)
    fixtures = {"start_daemon", "standing", "standing_daemon"} & set(getattr(item, "fixturenames", ()))
    return bool(folders or fixtures or item.get_closest_marker("daemon"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of an xdist_group in one process, and large groups first.

    xdist looks for a group's name at the end of a test's id, and puts it there itself, but not since pytest 9.2
    (pytest-dev/pytest-xdist#1386). Without this, tests that build the distributions may run last, in two
    processes at once, and one of them waits for the other's lock.
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
    """Run every test on uvloop, as the daemon does."""
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
    """Fail a test that leaves a process or a descriptor behind."""
    before = set(children(os.getpid()))
    descriptors = len(os.listdir("/proc/self/fd"))
    yield
    left = set(children(os.getpid())) - before - standing_daemons.pids
    assert not left, f"processes left: {left}"
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 2, "descriptors left"


@pytest.fixture
def aiohttp_client(aiohttp_client: Any) -> Any:
    """Return pytest-aiohttp's ``aiohttp_client``, with the daemon's own class of connections."""
    return lambda app: aiohttp_client(AppServer(app))


@pytest.fixture
async def start_daemon(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Daemon]]]:
    """Yield a function: ``await start_daemon("--flag", "value", env={...})``. Each daemon ends with the test."""
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
    """Return a daemon with the default settings."""
    return await start_daemon()


@pytest.fixture
async def own_client(daemon: Daemon) -> AsyncIterator[Client]:
    """Yield a client of ``daemon``."""
    async with Client(daemon.url) as client:
        yield client


@pytest.fixture(scope="session")
def standing_daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandingDaemons]:
    """Yield the daemons that many tests share."""
    with contextlib.ExitStack() as until:
        yield StandingDaemons(lambda: tmp_path_factory.mktemp("standing"), until)


@pytest.fixture
async def standing(standing_daemons: StandingDaemons) -> AsyncIterator[Callable[..., SharedDaemon]]:
    """Yield a function: ``standing("--flag", "value")`` returns a shared daemon; its contexts end with the test.

    A test that ends a daemon or changes it for good starts its own daemon.
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
    """Return the shared daemon with the default settings. The test itself ends its contexts."""
    return standing_daemons.get()


@pytest.fixture
async def url(standing: Callable[..., SharedDaemon]) -> str:
    """Return the address of the shared daemon with the default settings."""
    return standing().url


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    """Yield a client of the shared daemon."""
    async with Client(url) as client:
        yield client


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Face:
    """Return the blocking Python client, then the asyncio client: each test runs with both."""
    return Face(request.param)


@pytest.fixture
async def py(face: Face, url: str) -> AsyncIterator[Any]:
    """Yield a Python client of the shared daemon."""
    async with face(url) as client:
        yield client


@pytest.fixture
async def through(url: str) -> AsyncIterator[Proxy]:
    """Yield a proxy before the shared daemon."""
    async with proxy(url) as before:
        yield before


@pytest.fixture
async def stranger() -> AsyncIterator[Proxy]:
    """Yield a proxy without a daemon behind it. It gives the answers that a test plans."""
    async with proxy("http://127.0.0.1:1") as alone:
        yield alone


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """Yield a gate at which user code waits for the test."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.close()


@pytest.fixture(scope="session")
def pythons() -> dict[str, str]:
    """Return the path of each supported CPython on this machine, by version: ``"3.9"``."""
    return find_pythons()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of ``make test ARGS=…``."""
    parser.addoption("--quick", action="store_true", help="run the tests that start no daemon")
    parser.addoption("--all-pythons", action="store_true", help="run every test of the worker under each Python")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the Python of each test with a ``worker``, a ``copying`` bench, or the oldest or newest, ``edge_worker``.

    The test's name decides, so each Python runs many tests. Each test on each Python would double the suite's time.
    """
    every = list(find_pythons())
    for fixture, pythons in (("worker", every), ("copying", every), ("edge_worker", every[:: max(len(every) - 1, 1)])):
        if fixture in metafunc.fixturenames and not hasattr(metafunc.module, fixture):  # no fixture of its own
            number = zlib.crc32(metafunc.definition.nodeid.encode()) % len(pythons)
            chosen = pythons if metafunc.config.getoption("all_pythons") else [pythons[number]]
            metafunc.parametrize(fixture, chosen, indirect=True)


@pytest.fixture
def worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DrivenWorker]:
    """Yield a worker without a daemon, in ``tmp_path``. ``pytest_generate_tests`` chooses its Python."""
    with DrivenWorker(find_pythons()[request.param], tmp_path) as worker:
        yield worker


@pytest.fixture
def edge_worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DrivenWorker]:
    """Yield a ``worker`` under the oldest or the newest Python."""
    with DrivenWorker(find_pythons()[request.param], tmp_path) as worker:
        yield worker
