"""Changes of the file of tokens, which keep its comments and what people have written into it."""

import contextlib
import fcntl
import itertools
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from typing import Final

from interpreterd.tenants.token_file import parse_tokens, read_text
from interpreterd.tenants.tokens import Token


@contextlib.contextmanager
def changing(path: str) -> Iterator[list[str]]:
    """Give the block the text of the file at ``path`` as a list of one; put what it then has in its place, at once.

    Nobody else changes the file meanwhile. A file that is not there is empty, and is made. The block's text is read
    before it is written: a mistake in it raises ``BadTokenFile``, and the file stays.
    """
    real = os.path.realpath(path)
    directory = os.open(os.path.dirname(real), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        there = os.path.lexists(real)
        content = [read_text(real) if there else HEAD]
        yield content
        parse_tokens(content[0], path)
        _replace(real, content[0].encode(), os.stat(real) if there else None)
        os.fsync(directory)
    finally:
        os.close(directory)


HEAD: Final = """\
# Tokens of interpreterd. This file has only their hashes; `interpreterd token` writes it, and you may edit it.
# A running daemon reads it again at SIGHUP.
"""


def _replace(path: str, data: bytes, before: os.stat_result | None) -> None:
    """Write ``data`` to ``path``, for its owner alone: a reader sees the old file or the new one."""
    new = f"{path}.{os.getpid()}.new"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with open(fd, "wb") as file:
            if before is not None and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                with contextlib.suppress(OSError):
                    os.fchown(fd, before.st_uid, before.st_gid)
                    os.fchmod(fd, stat.S_IMODE(before.st_mode) & ~stat.S_IRWXO)
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise


def with_token(text: str, token: Token, created: str) -> str:
    """Return ``text`` with one more token at its end. ``created`` is a time, as TOML has it."""
    lines = [f'id = "{token.id}"', f'role = "{token.role}"']
    lines += [f'tenant = "{token.tenant}"'] if token.tenant else []
    lines += [f"name = {toml_text(token.name)}"] if token.name else []
    lines += [f"created = {created}", f'sha256 = "{token.sha256.hex()}"']
    return f"{text.rstrip()}\n\n[[tokens]]\n" + "\n".join(lines) + "\n"


def with_tenant(text: str, tenant: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with a table for a tenant that has none; ``values`` are those of its keys, as TOML has them."""
    return f"{text.rstrip()}\n\n[tenants.{_key(tenant)}]\n" + "".join(f"{key} = {it}\n" for key, it in values.items())


def without_token(text: str, token_id: str) -> str:
    """Return ``text`` without the token of this id. Raises KeyError if there is none."""
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if line.lstrip().startswith("[")] + [len(lines)]
    own = re.compile(rf"""\s*["']?id["']?\s*=\s*["']{re.escape(token_id)}["']\s*(#.*)?$""")
    for start, end in itertools.pairwise(starts):
        if re.match(r"\s*\[\[\s*tokens\s*\]\]", lines[start]) and any(map(own.match, lines[start:end])):
            return "\n".join(lines[:start] + lines[end:]).rstrip() + "\n"
    raise KeyError(token_id)


def toml_text(text: str) -> str:
    """Return ``text`` as a string of TOML: JSON's form, but for DEL, which TOML does not have unescaped."""
    return json.dumps(text).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'
