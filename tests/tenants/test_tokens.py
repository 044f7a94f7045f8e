"""Tokens: their form, and how the daemon finds one."""

import hashlib

import pytest

from interpreterd.tenants.tokens import Token, Tokens, chosen_token, hash_of, id_of, new_token


def test_a_new_token_has_a_public_id_and_256_random_bits() -> None:
    made = [new_token() for _ in range(100)]
    assert len({text for text, _, _ in made}) == len({token_id for _, token_id, _ in made}) == 100
    for text, token_id, sha256 in made:
        assert text.startswith(f"ipd_{token_id}_")
        assert len(text.split("_", 2)[2]) == 43  # 256 bits, 6 in each character
        assert sha256 == hashlib.sha256(text.encode()).digest()
        assert id_of(text) == token_id


def test_only_the_whole_token_is_found() -> None:
    text, token_id, sha256 = new_token()
    token = Token(id=token_id, role="tenant", tenant="acme", sha256=sha256)
    tokens = Tokens([token])
    assert tokens.find(text) is token
    assert tokens.get(token_id) is token
    for wrong in (text[:-1], text + "x", text.upper(), token_id, "", f"ipd_{token_id}_", "ipd", "\udc80", "x" * 10_000):
        assert tokens.find(wrong) is None


def test_a_token_of_the_environment_is_an_administrators_whatever_its_form() -> None:
    text, _, sha256 = new_token()
    tokens = Tokens([Token(id=id_of(text), role="read", sha256=sha256)], chosen_token("correct-horse"))
    found = tokens.find("correct-horse")
    assert found is not None
    assert (found.role, found.guessable, found.identity.sees_all) == ("admin", True, True)
    assert tokens.find("correct-hors") is None
    assert not chosen_token("x" * 32).guessable


@pytest.mark.parametrize("text", ["short", "with space in it", "ä" * 20, "x" * 513, "line\nbreak"])
def test_a_text_that_no_header_can_carry_or_that_is_too_short_is_no_token(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        chosen_token(text)


def test_no_secret_is_in_the_text_of_a_token() -> None:
    assert "sha256" not in repr(Token(id="a", role="admin", sha256=hash_of("secret")))


def test_a_role_says_what_is_seen() -> None:
    def seen(role: str, tenant: str) -> bool:
        return Token(id="a", role=role, tenant=tenant, sha256=b"").identity.sees_all  # type: ignore[arg-type]

    assert [seen("admin", ""), seen("admin", "ops"), seen("read", "")] == [True] * 3
    assert [seen("read", "acme"), seen("tenant", "acme")] == [False] * 2
