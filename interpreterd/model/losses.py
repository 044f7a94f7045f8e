"""What a copy of a process does not have of the original."""

from attrs import frozen


@frozen
class Lost:
    """Something that a fork of a process cannot carry.

    Attributes:
        kind: ``thread``, ``executor``, ``task``, ``socket``, ``file``, ``connection``, ``gpu``, ``process``,
            ``temporary`` and the like.
        name: What a person knows it by.
    """

    kind: str
    name: str
