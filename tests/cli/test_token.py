"""``token``: it writes the daemon's file of tokens."""

import json
from pathlib import Path

import pytest
from command import interpreterd

from interpreterd.tenants.token_file import read
from interpreterd.tenants.tokens import Tokens


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def test_a_new_token_is_printed_once_and_the_file_has_its_hash(path: Path) -> None:
    ran = interpreterd("token", "create", "--tenant", "acme", "--name", "ci", INTERPRETERD_TOKEN_FILE=str(path))
    assert (ran.returncode, ran.stdout.count("\n")) == (0, 1), ran
    text = ran.stdout.strip()
    assert "SIGHUP" in ran.stderr
    assert text not in path.read_text() + ran.stderr
    found = Tokens(read(str(path)).tokens).find(text)
    assert found is not None
    assert (found.tenant, found.role, found.name) == ("acme", "tenant", "ci")
    assert path.stat().st_mode & 0o777 == 0o600


def test_tokens_are_listed_and_revoked(path: Path) -> None:
    file = ("--token-file", str(path))
    for arguments in (["--role", "admin"], ["--tenant", "acme", "--role", "read", "--name", "dash\x1b[31mboard"]):
        assert interpreterd("token", "create", *file, *arguments).returncode == 0
    listed = json.loads(interpreterd("token", "list", *file, "--json").stdout)
    assert [(it["role"], it["tenant"]) for it in listed] == [("admin", ""), ("read", "acme")]
    shown = interpreterd("token", "list", *file).stdout
    assert listed[0]["id"] in shown
    assert "\x1b" not in shown
    revoked = interpreterd("token", "revoke", *file, listed[0]["id"])
    assert revoked.returncode == 0
    assert [it.id for it in read(str(path)).tokens] == [listed[1]["id"]]
    again = interpreterd("token", "revoke", *file, listed[0]["id"])
    assert (again.returncode, "has the id" in again.stderr) == (1, True)
    interpreterd("token", "revoke", *file, listed[1]["id"])
    assert "no tokens" in interpreterd("token", "list", *file).stderr


def test_limits_of_a_new_tenant_are_written_and_those_of_a_known_one_are_left_to_people(path: Path) -> None:
    create = ("token", "create", "--token-file", str(path), "--tenant", "acme")
    assert (
        interpreterd(
            *create, "--limit", "max-contexts=3", "--limit", "context-memory=1G", "--limit", 'cwd=/a"b'
        ).returncode
        == 0
    )
    rules = read(str(path)).rules["acme"]
    assert (rules.quotas.contexts, rules.limits.memory_bytes, rules.cwd) == (3, 1 << 30, '/a"b')
    assert interpreterd(*create).returncode == 0
    again = interpreterd(*create, "--limit", "max-contexts=4")
    assert again.returncode == 2
    assert "has a table for acme already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create"], "needs --tenant"),
        (["create", "--tenant", "a b"], "letters, digits"),
        (["create", "--role", "boss"], "'boss' is not one of"),
        (["create", "--role", "admin", "--limit", "max-contexts=1"], "--limit needs --tenant"),
        (["create", "--tenant", "a", "--limit", "max=1"], "must be one of"),
        (["create", "--tenant", "a", "--limit", "max-contexts=x"], "max-contexts must be a whole number"),
        (["revoke"], "ID"),
    ],
)
def test_wrong_usage_is_one_line(path: Path, arguments: list[str], said: str) -> None:
    ran = interpreterd("token", *arguments, INTERPRETERD_TOKEN_FILE=str(path))
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert said in ran.stderr
    assert not path.exists()


def test_a_file_that_others_may_read_is_not_used(path: Path) -> None:
    path.write_text("")
    path.chmod(0o644)
    for arguments in (["list"], ["create", "--role", "admin"], ["revoke", "x"]):
        ran = interpreterd("token", *arguments, INTERPRETERD_TOKEN_FILE=str(path))
        assert (ran.returncode, "chmod 600" in ran.stderr) == (1, True), ran
    missing = interpreterd("token", "create", "--role", "admin", INTERPRETERD_TOKEN_FILE="/proc/none/tokens")
    assert (missing.returncode, "cannot write" in missing.stderr) == (1, True)
