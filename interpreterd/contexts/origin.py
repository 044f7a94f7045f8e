"""Where a fork goes on."""

from attrs import frozen


@frozen
class Origin:
    """The context that another one is a fork of, at that moment.

    Attributes:
        context_id: Its id; it may have ended since.
        begun: How many executions that count had begun to run: the next one's number in tracebacks is one more.
        count: How many had started to run, as clients count them.
        count_before: How many of those in earlier workers.
    """

    context_id: str
    begun: int
    count: int
    count_before: int
