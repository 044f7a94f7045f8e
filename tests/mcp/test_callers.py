"""``mcp.callers``: a client has the same key each time, which tells nothing about its token."""

from interpreterd.mcp.callers import Caller, key_of


def test_a_key_is_the_same_for_the_same_client_and_hides_what_it_is_made_of() -> None:
    caller = Caller.of("http", "secret", "ada", name="ada", home=None)
    assert caller == Caller.of("http", "secret", "ada", name="ada", home=None)
    assert caller.key != Caller.of("http", "other", "ada", name="ada", home=None).key
    assert key_of("a", "b") != key_of("ab")
    assert "secret" not in caller.key


def test_a_name_is_printable_and_short() -> None:
    assert Caller.of("x", name="a\x1b[31m\n" + "b" * 200, home=None).name == "a[31m" + "b" * 95
    assert Caller.of("x", name="", home=None).name == "unknown"
