"""The functions that are called with the events of an execution."""

from typing import Self

from attrs import frozen

from interpreterd.client.options import ExecuteOptions, OnError, OnInput, OnResult, OnText
from interpreterd.client.shown import Shown
from interpreterd.model.displays import Display, Result, UpdateDisplay
from interpreterd.model.events import Event, Gap, InputRequest, Output, Raised, Stream


def answer_of(told: object) -> str | None:
    """Return what ``on_input`` has returned. Raises TypeError if that is neither text nor None."""
    if told is None or isinstance(told, str):
        return told
    raise TypeError(f"on_input must return str or None, not {type(told).__name__}")


@frozen
class Callbacks:
    """The functions that are called with events while the code runs."""

    on_stdout: OnText | None
    on_stderr: OnText | None
    on_error: OnError | None
    on_result: OnResult | None = None
    on_input: OnInput | None = None

    @classmethod
    def of(cls, options: ExecuteOptions) -> Self:
        """Return those of an execution's options."""
        return cls(
            options.get("on_stdout"),
            options.get("on_stderr"),
            options.get("on_error"),
            options.get("on_result"),
            options.get("on_input"),
        )

    def tell(self, event: Event | Gap) -> object:
        """Call the function for ``event``, if there is one; return what it returns."""
        match event:
            case Output(stream=Stream.STDOUT, text=text) if self.on_stdout is not None:
                return self.on_stdout(text)
            case Output(stream=Stream.STDERR, text=text) if self.on_stderr is not None:
                return self.on_stderr(text)
            case Raised(error=error) if self.on_error is not None:
                return self.on_error(error)
            case Result() | Display() if self.on_result is not None:
                return self.on_result(Shown.of(event))
            case UpdateDisplay(data=data, metadata=metadata, display_id=name) if self.on_result is not None:
                return self.on_result(Shown.of(Display(data=data, metadata=metadata, display_id=name)))
            case InputRequest() if self.on_input is not None:
                return self.on_input(event)
            case _:
                return None
