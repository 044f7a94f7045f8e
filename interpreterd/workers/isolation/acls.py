"""POSIX access control lists, acl(5), as extended attributes have them: a user is put in and taken out."""

import struct
from collections.abc import Container
from typing import Final

ACCESS: Final = "system.posix_acl_access"
DEFAULT: Final = "system.posix_acl_default"
"""Of a directory: what new files in it begin with."""
READ, WRITE, SEARCH = 4, 2, 1
_VERSION: Final = struct.pack("<I", 2)
_ENTRY: Final = struct.Struct("<HHI")  # struct posix_acl_xattr_entry: tag, permissions, id
_OWNER, _USER, _GROUP_OWNER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NOBODY: Final = 0xFFFFFFFF  # the id of entries that name nobody
_LIMITED: Final = (_USER, _GROUP_OWNER, _GROUP)  # those that the mask limits
Entries = dict[tuple[int, int], int]
"""Permissions by tag and id."""


def of_mode(mode: int) -> Entries:
    """Return the list that the permission bits of ``mode`` stand for."""
    return {
        (_OWNER, _NOBODY): mode >> 6 & 7,
        (_GROUP_OWNER, _NOBODY): mode >> 3 & 7,
        (_OTHER, _NOBODY): mode & 7,
    }


def acl_of(data: bytes) -> Entries:
    """Return the list in an attribute's value. Raises ValueError."""
    if not data.startswith(_VERSION) or (len(data) - len(_VERSION)) % _ENTRY.size:
        raise ValueError("not a list of the second version")
    return {(tag, name): perms for tag, perms, name in _ENTRY.iter_unpack(data[len(_VERSION) :])}


def acl_bytes(entries: Entries) -> bytes:
    """Return an attribute's value; the kernel wants them in the order of tags and ids."""
    return _VERSION + b"".join(_ENTRY.pack(tag, entries[tag, name], name) for tag, name in sorted(entries))


def with_user(entries: Entries, user: int, permissions: int) -> Entries:
    """Return ``entries`` in which ``user`` has ``permissions``, and all others what they effectively had."""
    return _masked({**_effective(entries), (_USER, user): permissions})


def without_users(entries: Entries, users: Container[int]) -> Entries:
    """Return ``entries`` in which none of ``users`` is named; only permission bits are left if nobody else is."""
    left = {it: perms for it, perms in _effective(entries).items() if it[0] != _USER or it[1] not in users}
    return _masked(left)


def users_in(entries: Entries) -> set[int]:
    """Return the users that are named."""
    return {name for tag, name in entries if tag == _USER}


def _effective(entries: Entries) -> Entries:
    """Return ``entries`` with what the mask leaves of each."""
    mask = entries.get((_MASK, _NOBODY), 7)
    return {it: perms & mask if it[0] in _LIMITED else perms for it, perms in entries.items()}


def _masked(entries: Entries) -> Entries:
    """Return ``entries`` with a mask that takes nothing from anybody, or without one if nobody is named."""
    made = {it: perms for it, perms in entries.items() if it[0] != _MASK}
    if any(tag in (_USER, _GROUP) for tag, _ in made):
        made[_MASK, _NOBODY] = 0
        for (tag, _), perms in made.items():
            if tag in _LIMITED:
                made[_MASK, _NOBODY] |= perms
    return made
