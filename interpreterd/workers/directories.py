"""Which directories the contexts have, and which of them several contexts share."""

import os
from collections import Counter
from collections.abc import Iterable


class Directories:
    """The directories of all contexts, with or without limits."""

    def __init__(self) -> None:
        self._here: Counter[str] = Counter()
        self._below: Counter[str] = Counter()

    def add(self, directories: Iterable[str]) -> None:
        """A context has ``directories``."""
        for directory in directories:
            self._here[directory] += 1
            self._below.update(_parents(directory))

    def remove(self, directories: Iterable[str]) -> None:
        """The context that had them has ended."""
        for directory in directories:
            for counter, names in ((self._here, [directory]), (self._below, _parents(directory))):
                counter.subtract(names)
                for name in names:
                    if not counter[name]:
                        del counter[name]

    def is_shared(self, directory: str) -> bool:
        """Whether another context has ``directory``, one below it, or one above it."""
        return (
            self._here[directory] > 1
            or directory in self._below
            or any(parent in self._here for parent in _parents(directory))
        )


def _parents(directory: str) -> list[str]:
    parents = []
    while (parent := os.path.dirname(directory)) != directory:
        parents.append(directory := parent)
    return parents
