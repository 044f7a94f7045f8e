"""Changes of the file of tokens: at once, by one program at a time, and without a loss of what people wrote there."""

import threading
from pathlib import Path

import pytest

from interpreterd.tenants.token_editing import HEAD, changing, with_tenant, with_token, without_token
from interpreterd.tenants.token_file import BadTokenFile, parse_tokens, read
from interpreterd.tenants.tokens import Token

TOKEN = Token(id="0123abcd", role="tenant", tenant="acme", name='the "best"', sha256=bytes(32))
CREATED = "2026-11-27T03:00:00Z"


def test_a_token_is_added_and_removed_and_the_rest_stays() -> None:
    before = f"{HEAD}\n[tenants.acme]  # mine\nmax-contexts = 2\n"
    text = with_token(before, TOKEN, CREATED)
    other = Token(id="11112222", role="admin", sha256=bytes(32))
    both = with_token(text, other, CREATED) + "# the end\n"
    assert [it.id for it in parse_tokens(both, "f").tokens] == ["0123abcd", "11112222"]
    assert parse_tokens(both, "f").tokens[0] == TOKEN
    without = without_token(both, "0123abcd")
    assert [it.id for it in parse_tokens(without, "f").tokens] == ["11112222"]
    assert "# mine" in without
    assert without_token(without_token(both, "11112222"), "0123abcd") == before
    with pytest.raises(KeyError):
        without_token(before, "0123abcd")


def test_a_tenants_table_is_added() -> None:
    text = with_tenant(HEAD, "a.b", {"max-contexts": "3"})
    assert parse_tokens(text, "f").rules["a.b"].quotas.contexts == 3


def test_the_file_is_made_for_its_owner_alone_and_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    with changing(str(path)) as content:
        content[0] = with_token(content[0], TOKEN, CREATED)
    assert path.stat().st_mode & 0o777 == 0o600
    inode = path.stat().st_ino
    with pytest.raises(BadTokenFile), changing(str(path)) as content:
        content[0] += "nonsense"
    assert path.stat().st_ino == inode
    with changing(str(path)) as content:
        content[0] = without_token(content[0], TOKEN.id)
    assert path.stat().st_ino != inode
    assert [it.name for it in tmp_path.iterdir()] == ["tokens"]
    assert read(str(path)).tokens == []


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    def add(number: int) -> None:
        with changing(str(tmp_path / "tokens")) as content:
            content[0] = with_token(content[0], Token(id=f"id{number:02}", role="admin", sha256=bytes(32)), CREATED)

    threads = [threading.Thread(target=add, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read(str(tmp_path / "tokens")).tokens) == 8


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "tokens")
    with changing(str(tmp_path / "link")) as content:
        content[0] = with_token(content[0], TOKEN, CREATED)
    assert (tmp_path / "link").is_symlink()
    assert len(read(str(tmp_path / "tokens")).tokens) == 1
