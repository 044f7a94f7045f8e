"""Where a fork goes on: ``test_operating`` shows that a context tells it."""

from interpreterd.contexts.executions import Executions
from interpreterd.contexts.origin import Origin
from interpreterd.contexts.transcript import Transcript


def test_a_transcript_goes_on_from_there() -> None:
    executions = Executions(limit_bytes=1 << 20, journal_limit_bytes=1 << 20)
    transcript = Transcript("c", executions, backlog_bytes=1 << 20, output_limit_bytes=None)
    origin = Origin("a", begun=4, count=5, count_before=2)
    transcript.go_on_from(origin.count, origin.count_before)
    assert transcript.counts == (5, 2)
