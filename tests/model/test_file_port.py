"""The part of the port that is about files."""

import inspect

from interpreterd.contexts.files import LocalFiles
from interpreterd.model.file_port import ContextFiles


def test_local_files_have_every_verb_of_the_port() -> None:
    for name, verb in inspect.getmembers(ContextFiles, inspect.isfunction):
        if not name.startswith("_"):
            own = getattr(LocalFiles, name)
            assert list(inspect.signature(own).parameters) == list(inspect.signature(verb).parameters), name
