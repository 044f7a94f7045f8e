"""Exceptions: the parts are optional, and count as memory."""

from interpreterd.model.events import Finished, Outcome
from interpreterd.model.failures import Details, Failure, Frame

LONG = "x" * 10_000


def test_without_details_there_are_no_parts() -> None:
    bare = Failure(name="E", value="v")
    assert (bare.frames, bare.notes, bare.suggestion, bare.cause, bare.context) == ((), (), None, None, None)
    assert (bare.suppress_context, bare.exceptions) == (False, ())


def test_with_details_there_are() -> None:
    cause = Failure(name="C", value="c")
    frame = Frame(file="f", line=1)
    parts = Details(
        frames=(frame,),
        notes=("n",),
        suggestion="s",
        cause=cause,
        context=cause,
        suppress_context=True,
        exceptions=(cause,),
    )
    it = Failure(name="E", value="v", details=parts)
    assert (it.frames, it.notes, it.suggestion, it.cause, it.context) == ((frame,), ("n",), "s", cause, cause)
    assert (it.suppress_context, it.exceptions) == (True, (cause,))


def test_every_text_counts_as_memory() -> None:
    def kept(details: Details | None) -> int:
        return Finished(outcome=Outcome.COMPLETED, error=Failure(name="E", value="v", details=details)).kept_bytes

    bare = kept(None)
    for details in (
        Details(frames=(Frame(file=LONG),)),
        Details(frames=(Frame(file="f", source=LONG),)),
        Details(frames=(Frame(file="f", function=LONG),)),
        Details(notes=(LONG,)),
        Details(suggestion=LONG),
        Details(cause=Failure(name="E", value=LONG)),
        Details(exceptions=(Failure(name="E", value="", details=Details(notes=(LONG,))),)),
    ):
        assert kept(details) - bare >= len(LONG)


def test_no_text_is_in_the_repr() -> None:
    details = Details(frames=(Frame(file="f", source="secret"),), notes=("secret",))
    assert "secret" not in repr(Failure(name="E", value="secret", traceback="secret", details=details))
    assert "secret" not in repr(details)
