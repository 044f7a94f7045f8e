"""Secrets of the daemon's environment are in no isolated worker; in others, all but the daemon's own settings are."""

import json
from collections.abc import Iterator

import pytest
from harness import Client
from standing import SharedDaemon, shared_daemon

pytestmark = pytest.mark.daemon

PLANTED = "planted-secret-"  # followed by digits, which the code that looks for it does not have
ENVIRONMENT = {
    "AWS_SECRET_ACCESS_KEY": PLANTED + "111111111111",
    "SOME_TOKEN": PLANTED + "222222222222",
    "INTERPRETERD_ALLOW_HOST": PLANTED + "333333333333",
    "HTTPS_PROXY": f"http://user:{PLANTED}444444444444@proxy.example:1",
}
# Prints which of the secrets are in the environment, and where else the worker has one.
LOOK = """
import json, os, re
secret = re.compile(rb"planted-secret-([0-9])[0-9]{11}")
def memory():
    found = set()
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as file:
        for line in maps.read().splitlines():
            begin, end = (int(it, 16) for it in line.split()[0].split("-"))
            if line.split()[1][0] == "r" and end - begin <= 1 << 28:
                try:
                    file.seek(begin)
                    found.update(it.group(1).decode() for it in secret.finditer(file.read(end - begin)))
                except (OSError, ValueError, OverflowError):
                    continue
    return sorted(found)
with open("/proc/self/environ", "rb") as file:
    given = file.read()
print(json.dumps([
    sorted(name for name, value in os.environ.items() if secret.search(value.encode())),
    sorted({it.group(1).decode() for it in secret.finditer(given)}),
    memory(),
    re.findall("INTERPRETERD_[A-Z_]*", " ".join(os.environ) + given.decode()),
]))
"""


@pytest.fixture(scope="module", params=["spawn", "fork"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedDaemon]:
    """Yield a daemon whose environment has secrets."""
    flags = ("--launcher", request.param)
    with shared_daemon(tmp_path_factory.mktemp("secrets"), *flags, env=ENVIRONMENT) as daemon:
        yield daemon


@pytest.mark.parametrize("profile", ["standard", "strict"])
async def test_an_isolated_worker_has_none(shared: SharedDaemon, profile: str) -> None:
    async with Client(shared.url) as client:
        context = await client.create(isolation=profile)
        for _ in range(2):
            assert json.loads((await client.run(LOOK, context)).stdout) == [[], [], [], []]
            await client.request("POST", f"/context/{context}/restart")
        await client.request("DELETE", f"/context/{context}")


async def test_a_worker_without_isolation_has_all_but_the_daemons_own_settings(shared: SharedDaemon) -> None:
    async with Client(shared.url) as client:
        context = await client.create()
        names, given, memory, own = json.loads((await client.run(LOOK, context)).stdout)
        await client.request("DELETE", f"/context/{context}")
    assert names == sorted(ENVIRONMENT.keys() - {"INTERPRETERD_ALLOW_HOST"})
    assert given == ["1", "2", "4"]
    assert memory == ["1", "2", "4"]
    assert own == []
