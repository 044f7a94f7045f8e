"""Looks at a namespace: what was found stays out of logs."""

from interpreterd.model.looks import Completions, Inspection, Variable


def test_what_users_have_stays_out_of_logs() -> None:
    for it in (
        Completions(matches=("secret",), types=("value",), cursor_start=0, cursor_end=0),
        Inspection(found=True, value="secret", docstring="secret", source="secret"),
        Variable(name="x", type="str", kind="value", repr="'secret'"),
    ):
        assert "secret" not in repr(it)
