"""What a record tells of code: short code is kept, long code is not."""

from interpreterd.contexts.sources import FIRST_LINE_LIMIT_CHARS, LongSource, ShortSource, source_of
from interpreterd.model.digest import digest
from interpreterd.model.requests import Execute


def test_short_and_long_code_tell_the_same() -> None:
    short, short_bytes = source_of(Execute(code="ä = 1\nb"))
    assert isinstance(short, ShortSource)
    assert (short.first_line, short.sha256, short_bytes) == ("ä = 1", digest("ä = 1\nb").sha256, 8)
    code = "x = 1\n" + "#" * FIRST_LINE_LIMIT_CHARS
    long, long_bytes = source_of(Execute(code=code))
    assert isinstance(long, LongSource)
    assert (long.first_line, long.sha256, long_bytes) == ("x = 1", digest(code).sha256, len(code))
