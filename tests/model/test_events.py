"""Events: what they show, and what they do not."""

from interpreterd.model.events import EVENT_LIMIT_CHARS, Failure, Output, Stream, Submitted


def test_what_users_wrote_stays_out_of_logs() -> None:
    shown = [
        Output(stream=Stream.STDOUT, text="secret"),
        Failure(name="E", value="secret", traceback="secret"),
        Submitted.of("secret", "origin"),
    ]
    assert "secret" not in repr(shown)


def test_long_code_is_told_in_part_and_how_much_longer_it_is() -> None:
    told = Submitted.of("x" * (EVENT_LIMIT_CHARS + 3), "origin")
    assert (len(told.code), told.cut_chars, told.origin) == (EVENT_LIMIT_CHARS, 3, "origin")
