"""``deploy/``: each file fits its schema, names settings that exist, and starts the daemon as far as it can here."""

import asyncio
import configparser
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import kubernetes_validate
import pytest
import yaml
from compose_pydantic import ComposeSpecification
from harness import COMMAND
from paths import ROOT

from interpreterd.flags import Chosen, Parser, from_environment

DEPLOY = ROOT / "deploy"
# Does what systemd does: passes a socket as descriptor 3 to this process, which is then the daemon.
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execvp(sys.argv[2], sys.argv[2:])
"""
# A container's view, without a container: nothing is writable but one directory, and the user has no privilege. The one
# that is left lets it read this Python, which may be in the home of another user.
CONTAIN = """
mount --make-rprivate / && mount -t tmpfs tmpfs "$WORK" && chown 10001:10001 "$WORK" && mount -o remount,bind,ro / &&
cd "$WORK" && exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs \
    --bounding-set=-all,+dac_read_search --inh-caps=+dac_read_search --ambient-caps=+dac_read_search "$@"
"""


def unit(name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / name)
    return parser


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_no_fault_in_the_units() -> None:
    units = [DEPLOY / "interpreterd.service", DEPLOY / "interpreterd.socket"]
    ran = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_the_service_is_hardened_and_leaves_room_for_the_daemons_own_isolation() -> None:
    service = dict(unit("interpreterd.service")["Service"])
    for name in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "RestrictSUIDSGID"):
        assert service[name] == "yes"
    assert (service["ProtectSystem"], service["User"], service["CapabilityBoundingSet"]) == (
        "strict",
        "interpreterd",
        "",
    )
    assert (service["Type"], service["KillMode"]) == ("notify", "mixed")
    assert set(service["RestrictNamespaces"].split()) >= {"user", "mnt", "pid", "ipc", "net"}
    assert not {"SystemCallFilter", "ProcSubset", "ProtectProc", "ProtectKernelTunables"} & service.keys()


async def test_the_command_line_of_the_service_serves_the_socket_of_systemd(tmp_path: Path) -> None:
    service = unit("interpreterd.service")["Service"]
    command = shlex.split(service["ExecStart"].replace("/etc/interpreterd.toml", str(DEPLOY / "interpreterd.toml")))
    with (
        socket.socket(socket.AF_UNIX) as listening,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor,
    ):
        supervisor.bind(str(tmp_path / "notify"))
        supervisor.setblocking(False)
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ACTIVATE, str(listening.fileno())),
            *command,
            cwd=tmp_path,
            env={
                "PATH": f"{COMMAND.parent}:{os.environ['PATH']}",
                "NOTIFY_SOCKET": str(tmp_path / "notify"),
                "LISTEN_FDS": "1",
                "LISTEN_FDNAMES": "interpreterd.socket",
            },
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=[listening.fileno()],
        )
        told = await asyncio.get_running_loop().sock_recv(supervisor, 4096)
        assert told.startswith(b"READY=1\n")
        connector = aiohttp.UnixConnector(str(tmp_path / "socket"))
        async with aiohttp.ClientSession(connector=connector) as http:
            url = "http://localhost/process/interpreter/execute"
            async with http.post(url, json={"code": "print(6 * 7)"}) as answer:
                assert (await answer.json())["stdout"] == "42\n"
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


def instructions() -> dict[str, list[str]]:
    """Return the arguments of the last stage of the Containerfile, by instruction."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Containerfile").read_text())
    lines = [line.partition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    last = max(number for number, line in enumerate(lines) if line[0] == "FROM")
    found: dict[str, list[str]] = {}
    for name, _, rest in lines[last:]:
        found.setdefault(name, []).append(rest)
    return found


@pytest.fixture
def contained(tmp_path: Path) -> list[str]:
    """Return a command that runs another one as in a container with a read-only root file system."""
    command = ["unshare", "--mount", "sh", "-c", CONTAIN, "sh"]
    (tmp_path / "work").mkdir()
    tried = subprocess.run([*command, "true"], env={**os.environ, "WORK": str(tmp_path / "work")}, capture_output=True)
    if tried.returncode:
        pytest.skip(f"no namespace of mounts: {tried.stderr.decode()}")
    return command


async def test_the_image_runs_as_a_user_on_a_read_only_root(contained: list[str], tmp_path: Path) -> None:
    image = instructions()
    assert image["USER"] == ["10001:10001"]
    assert "ADD" not in image
    variables = dict(word.split("=", 1) for word in shlex.split(" ".join(image["ENV"])))
    command = json.loads(image["ENTRYPOINT"][0])
    work = str(tmp_path / "work")
    env = {**variables, "PATH": f"{COMMAND.parent}:{os.environ['PATH']}", "HOME": work, "WORK": work, "TMPDIR": work}
    refused = await asyncio.create_subprocess_exec(*contained, *command, env=env, stderr=asyncio.subprocess.PIPE)
    _, why = await refused.communicate()
    assert (refused.returncode, b"other machines can reach 0.0.0.0" in why) == (2, True), why
    token = "a-token-of-this-test"
    process = await asyncio.create_subprocess_exec(
        *contained,
        *command,
        *("--port", "0"),
        env={**env, "INTERPRETERD_TOKEN": token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    url = json.loads(await process.stdout.readline())["url"]
    code = "import os\nprint(os.getuid(), os.getcwd() == os.environ['HOME'])\nopen('a', 'w').close()\nopen('/a', 'w')"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
        async with http.post(f"{url}/process/interpreter/execute", json={"code": code}) as answer:
            body = await answer.json()
        async with http.get(f"{url}/health/live") as live:
            assert live.status == 200
    assert (body["stdout"], body["error"]["name"]) == ("10001 True\n", "OSError")
    process.terminate()
    assert await process.wait() == 0
    process._transport.close()  # type: ignore[attr-defined]


def manifests() -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())


def test_the_manifests_fit_the_schemas_of_kubernetes() -> None:
    for manifest in manifests():
        kubernetes_validate.validate(manifest, "1.33", strict=True)
    assert [manifest["kind"] for manifest in manifests()] == ["Deployment", "Service", "NetworkPolicy"]


def test_the_deployment_names_probes_settings_and_flags_that_there_are() -> None:
    pod = next(manifests())["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    probes = [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")]
    assert probes == ["/health/live", "/health/live", "/health/ready"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert pod["securityContext"]["runAsUser"] == 10001
    variables = {it["name"]: it.get("value", "a-token-of-some-length") for it in container["env"]}
    assert is_known(variables)
    chosen = Chosen.by(Parser("interpreterd serve"), container["args"], variables | {"INTERPRETERD_HOST": "0.0.0.0"})
    assert chosen.settings.process.drain_timeout is not None
    assert chosen.settings.process.drain_timeout < pod["terminationGracePeriodSeconds"]


def is_known(variables: dict[str, str]) -> bool:
    """Return whether each variable of the daemon is that of a setting, or of the token."""
    ours = {name for name in variables if name.startswith("INTERPRETERD_")} - {"INTERPRETERD_TOKEN"}
    return len(from_environment({name: variables[name] for name in ours})) == len(ours) > 0


def test_the_compose_file_fits_its_schema_and_names_settings_that_there_are() -> None:
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    ComposeSpecification.model_validate(composed)
    service = composed["services"]["interpreterd"]
    assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).samefile(
        DEPLOY / "Containerfile"
    )
    assert (service["read_only"], service["cap_drop"], service["ports"]) == (True, ["ALL"], ["127.0.0.1:3987:3987"])
    assert is_known(service["environment"])
