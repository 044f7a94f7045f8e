"""The file of tokens: who may read it, what is in it, and where a mistake is."""

import os
from pathlib import Path

import pytest
from tenancy import write_tokens

from interpreterd.tenants.token_file import BadTokenFile, parse_tokens, read

GOOD = f"""
# a comment
[tenants.acme]
max-contexts = 20
context_memory = "1G"

[tenants."a.b"]

[[tokens]]
id = "0123abcd"
role = "tenant"
tenant = "acme"
name = "ci"
created = 2026-11-27T03:00:00Z
sha256 = "{"0" * 64}"
"""


def test_tokens_and_tenants_are_read() -> None:
    content = parse_tokens(GOOD, "f")
    (token,) = content.tokens
    assert (token.id, token.role, token.tenant, token.name) == ("0123abcd", "tenant", "acme", "ci")
    assert content.rules.keys() == {"acme", "a.b"}
    assert content.rules["acme"].quotas.contexts == 20
    assert content.rules["acme"].limits.memory_bytes == 1 << 30
    assert parse_tokens("", "f").tokens == []


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o602, 0o604, 0o777, 0o601])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    tokens = write_tokens(tmp_path / "tokens", one="admin")
    tokens.path.chmod(mode)
    with pytest.raises(BadTokenFile, match=r"others may read or write it: `chmod 600 .*`"):
        read(str(tokens.path))
    tokens.path.chmod(0o400)
    assert len(read(str(tokens.path)).tokens) == 1


def test_what_is_no_readable_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(BadTokenFile, match="No such file"):
        read(str(tmp_path / "none"))
    with pytest.raises(BadTokenFile, match=r"directory|not a file"):
        read(str(tmp_path))
    binary = tmp_path / "binary"
    binary.write_bytes(b"\n\xff")
    binary.chmod(0o600)
    with pytest.raises(BadTokenFile, match="line 2: it is not UTF-8"):
        read(str(binary))
    if os.geteuid() == 0:
        other = write_tokens(tmp_path / "others", one="admin").path
        os.chown(other, 12345, -1)
        with pytest.raises(BadTokenFile, match="belongs to another user"):
            read(str(other))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('role = "tenant"', 'role = "boss"', "line 11: role: must be one of admin, tenant, read"),
        ('tenant = "acme"', 'tenant = "a b"', "line 12: tenant: a tenant's name must"),
        ('tenant = "acme"\n', "", "line 9: a token with the role tenant has no tenant"),
        ('id = "0123abcd"', "id = 1", "line 10: id: must be a string, in quotes"),
        ('id = "0123abcd"', 'id = "A!"', "line 10: id: must have"),
        ("0" * 64, "0" * 63, "line 15: sha256: must be 64"),
        ('name = "ci"', 'colour = "red"', "line 13: colour: unknown key"),
        ("max-contexts = 20", "max-context = 20", "line 4: max-context: unknown key; the nearest one is max-contexts"),
        ("max-contexts = 20", "max-contexts = 0", "line 4: max-contexts: must be at least 1"),
        ("max-contexts = 20", "max-contexts = true", "line 4: max-contexts: must be a string or a number"),
        ('"1G"', '"1GB"', "line 5: context_memory: must be a number of bytes"),
        ("# a comment", "tenants = 1", "it is not TOML"),
        ("# a comment", "limits = 1", "line 2: limits: unknown key; there are tokens and tenants"),
        ("[tenants.acme]", '[tenants."a b"]', "line 3: a b: a tenant's name must"),
        ("[tenants.acme]", "[tenants.acme", "it is not TOML"),
    ],
)
def test_a_mistake_is_one_line_with_the_line_and_the_key(before: str, after: str, said: str) -> None:
    with pytest.raises(BadTokenFile) as caught:
        parse_tokens(GOOD.replace(before, after, 1), "f")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_tokens_of_one_id_are_refused() -> None:
    token = GOOD[GOOD.index("[[tokens]]") :]
    with pytest.raises(BadTokenFile, match="line 17: id: there are two tokens with the id 0123abcd"):
        parse_tokens(GOOD + token, "f")
