"""Where the code of ``interpreterd repl`` runs, and the commands of the prompt that go back, branch and keep it."""

import sys
from collections.abc import Callable
from typing import Final

from interpreterd.cli.context_options import warn_of_lost, warn_of_skipped
from interpreterd.cli.main import fail
from interpreterd.client import Context, Interpreter
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID

PROMPT_COMMANDS: Final = """\
  %undo              go back before the last input
  %checkpoint NAME   keep the context as it is now; without NAME, list what is kept
  %restore NAME      go back to that
  %fork              go on in a copy of the context; %back returns
  %save NAME         write the variables to the daemon's disk
  %load NAME         go on in a new context that has them; %back returns"""


class PromptPlace:
    """The context in which a prompt's code runs, which commands of the prompt may change.

    Attributes:
        context: Its id; None for the default context.
    """

    def __init__(self, py: Interpreter, context: str | None) -> None:
        self._py = py
        self.context = context
        self._before: list[str | None] = []
        self._no_undo = ""
        self._commands: dict[str, Callable[[str], None]] = {
            "%undo": self._undo,
            "%checkpoint": self._checkpoint,
            "%restore": self._restore,
            "%fork": self._fork,
            "%save": self._save,
            "%load": self._load,
            "%back": self._back,
        }

    @property
    def commands(self) -> tuple[str, ...]:
        """The names of the commands."""
        return tuple(self._commands)

    @property
    def keeps(self) -> bool:
        """Whether inputs are to be run with a checkpoint, so that ``%undo`` can go back before them."""
        return not self._no_undo

    def cannot_keep(self, reason: str) -> None:
        """Run inputs without checkpoints from now on; ``%undo`` will say why."""
        self._no_undo = reason

    def obey(self, source: str) -> bool:
        """Do what ``source`` says if it is a command of the prompt; return whether it is one.

        Raises:
            ClientError: The daemon did not do it.
        """
        words = source.split()
        command = self._commands.get(words[0]) if words else None
        if command is None or "\n" in source.strip():
            return False
        if len(words) > 2:
            fail(f"{words[0]} takes one name")
        else:
            command(words[1] if len(words) == 2 else "")
        return True

    def _here(self) -> Context:
        return self._py.get_context(self.context or DEFAULT_CONTEXT_ID)

    def _undo(self, name: str) -> None:
        if self._no_undo:
            fail(f"inputs are run without checkpoints: {self._no_undo}")
            return
        self._here().undo()
        say("the context is as it was before the last input")

    def _checkpoint(self, name: str) -> None:
        if not name:
            for kept in self._here().checkpoints():
                if not kept.automatic:
                    say(kept.name or kept.id)
            return
        made = self._here().checkpoint(name)
        warn_of_lost(made.not_carried)
        say(f"%restore {name} goes back here")

    def _restore(self, name: str) -> None:
        if not name:
            fail("%restore takes the name of a checkpoint: %checkpoint lists them")
            return
        self._here().restore(name)
        say(f"the context is as it was at {name}")

    def _fork(self, name: str) -> None:
        fork = self._here().fork()
        warn_of_lost(fork.not_carried)
        self._go_to(fork.id, "a fork")

    def _save(self, name: str) -> None:
        saved = self._here().save(name or None)
        warn_of_skipped(saved.skipped)
        say(f"%load {saved.name or saved.id} makes a context with these {len(saved.saved)} variables")

    def _load(self, name: str) -> None:
        if not name:
            fail("%load takes the name of an archive: `interpreterd contexts archives` lists them")
            return
        loaded = self._py.load(name)
        warn_of_skipped(loaded.skipped)
        self._go_to(loaded.id, "a new context")

    def _back(self, name: str) -> None:
        if not self._before:
            fail("%back returns to where %fork or %load was used, and neither was")
            return
        left, self.context = self.context, self._before.pop()
        say(f"in {self.context or DEFAULT_CONTEXT_ID} again; {left} stays: interpreterd repl --context {left}")

    def _go_to(self, context: str, what: str) -> None:
        self._before.append(self.context)
        self.context = context
        say(f"in {context}, {what}; %back returns to {self._before[-1] or DEFAULT_CONTEXT_ID}")


def say(text: str) -> None:
    """Print a line about the prompt itself, apart from the code's output."""
    print(text, file=sys.stderr)
