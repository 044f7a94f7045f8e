"""The rest of an execution's output limit."""

from interpreterd.model.digest import utf8_bytes
from interpreterd.model.events import Output, Stream
from interpreterd.model.limits import size_in_words


class OutputQuota:
    """Lets output pass up to a limit, and counts the rest.

    Attributes:
        cut_bytes: The size of the rest, as UTF-8.
    """

    def __init__(self, limit_bytes: int) -> None:
        """Allow ``limit_bytes`` of both streams and output data together, as UTF-8."""
        self._limit_bytes = limit_bytes
        self._left_bytes = limit_bytes
        self.cut_bytes = 0
        self._cut_stream: Stream | None = None

    def admit(self, stream: Stream, text: str) -> str:
        """Return the part of ``text`` that may pass, without cutting a character. After the first cut: nothing."""
        if self._cut_stream is None:
            size = utf8_bytes(text)
            if size <= self._left_bytes:
                self._left_bytes -= size
                return text
            self._cut_stream = stream
            passed = text.encode()[: self._left_bytes].decode(errors="ignore")
            self.cut_bytes = size - utf8_bytes(passed)
            return passed
        self.cut_bytes += utf8_bytes(text)
        return ""

    def admit_whole(self, size_bytes: int) -> bool:
        """Return whether output data of this size may pass. Like text, none passes after the first cut."""
        if self._cut_stream is None and size_bytes <= self._left_bytes:
            self._left_bytes -= size_bytes
            return True
        self._cut_stream = self._cut_stream or Stream.STDOUT
        self.cut_bytes += size_bytes
        return False

    def close(self) -> list[Output]:
        """Return the last output: a line with the size of both cuts, in the stream that was cut first."""
        if self._cut_stream is None:
            return []
        limit = size_in_words(self._limit_bytes)
        marker = f"\n[output limit of {limit} reached: {self.cut_bytes} more bytes were cut]\n"
        return [Output(stream=self._cut_stream, text=marker)]
