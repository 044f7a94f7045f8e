"""The isolation of contexts, from their creation to their end."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Client
from standing import SharedDaemon

from interpreterd.model.errors import InvalidWorkingDirectory
from interpreterd.model.isolation import Isolation, IsolationUnavailable
from interpreterd.workers.isolation.abilities import Abilities
from interpreterd.workers.isolation.isolator import Isolator
from interpreterd.workers.isolation.settings import IsolationSettings
from interpreterd.workers.launchers.pool import Pool

Standing = Callable[..., SharedDaemon]
STANDARD = Isolation(profile="standard")


def isolator() -> Isolator:
    """Return one whose workers are never started."""
    return Isolator(IsolationSettings(), Pool(None, 0), None)  # type: ignore[arg-type]


def test_nothing_is_isolated_before_the_machine_is_known(tmp_path: Path) -> None:
    with pytest.raises(IsolationUnavailable):
        isolator().isolate(STANDARD, str(tmp_path))


@pytest.mark.parametrize("cwd", ["/", "parent"])
def test_a_directory_that_holds_those_of_other_contexts_is_refused(cwd: str) -> None:
    one = isolator()
    one._machine = Abilities(landlock=7, seccomp=True)
    with pytest.raises(InvalidWorkingDirectory, match="holds other contexts' directories"):
        one.isolate(STANDARD, one._directories.parent if cwd == "parent" else cwd)


async def test_a_context_shows_its_isolation_and_leaves_nothing(standing: Standing, tmp_path: Path) -> None:
    async with Client(standing().url) as client:
        asked = {"profile": "standard", "ports": [443]}
        status, body = await client.request("POST", "/context", json={"cwd": str(tmp_path), "isolation": asked})
        assert status == 200, body
        assert (body["isolation"]["profile"], body["isolation"]["ports"]) == ("standard", [443])
        assert {"seccomp", "capabilities"} < set(body["isolation"]["layers"])
        code = "import os; open('made', 'w').close(); os.mkdir(os.environ['TMPDIR'] + '/x'); print(os.environ['HOME'])"
        home = Path((await client.run(code, body["id"])).stdout.strip())
        assert home.name == "home"
        assert os.listdir(tmp_path) == ["made"]
        assert sorted(os.listdir(home.parent)) == ["forks", "home", "tmp"]
        await client.request("DELETE", f"/context/{body['id']}")
        assert home.parent.name not in os.listdir(home.parent.parent)


@pytest.mark.parametrize("asked", ["off", {"network": "host"}, {"ports": [22]}, {"readPaths": ["/home"]}])
async def test_a_context_cannot_be_loosened(standing: Standing, asked: object) -> None:
    async with Client(standing("--isolation", "standard").url) as client:
        status, body = await client.request("POST", "/context", json={"isolation": asked})
        assert (status, body["code"]) == (400, "invalid_request")
        assert body["error"].startswith("isolation.")


async def test_the_default_context_has_the_isolation_of_the_daemon(standing: Standing) -> None:
    async with Client(standing("--isolation", "standard").url) as client:
        result = await client.run("open('/etc/shadow')")
        assert [message["name"] for message in result.messages if message["type"] == "error"] == ["PermissionError"]
        _, body = await client.request("GET", "/context/default")
        assert body["isolation"]["profile"] == "standard"
