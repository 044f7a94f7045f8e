"""The file of tokens and tenants: TOML, which people read and edit, and `interpreterd token` writes.

    [tenants.acme]            # what a tenant may use: keys as the daemon's flags; every line may be left out
    max-contexts = 20
    context-memory = "1G"

    [[tokens]]
    id = "5f0c3a9e"
    tenant = "acme"
    role = "tenant"
    sha256 = "…"

Only its owner may read or write the file: a user who can write it can add a token of any role.
"""

import functools
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from interpreterd.model.identity import ROLES, Role
from interpreterd.model.rules import Rules
from interpreterd.tenants.rules import tenant_rules
from interpreterd.tenants.tokens import Token

TENANT_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID: Final = re.compile(r"[0-9a-z]{4,32}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_TOKEN_KEYS: Final = ("id", "tenant", "role", "name", "sha256", "created")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_SIZE_LIMIT_BYTES: Final = 4 << 20


class BadTokenFile(ValueError):
    """The file cannot be used. The message names it, and the line and the key as far as there are such."""


@frozen(kw_only=True)
class TokenFile:
    """What is in a file of tokens.

    Attributes:
        rules: Of each tenant that has a table.
    """

    tokens: Sequence[Token]
    rules: Mapping[str, Rules]


def read_text(path: str) -> str:
    """Return the text of the file at ``path``. Raises ``BadTokenFile``, also if others may read or write it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            _check_rights(path, os.fstat(fd))
            data = file.read(_SIZE_LIMIT_BYTES + 1)
    except OSError as error:
        raise BadTokenFile(f"cannot read {path}: {error.strerror or error}") from None
    if len(data) > _SIZE_LIMIT_BYTES:
        raise BadTokenFile(f"cannot read {path}: it has more than {_SIZE_LIMIT_BYTES} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadTokenFile(f"{path}, line {line}: it is not UTF-8") from None


def _check_rights(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise BadTokenFile(f"cannot read {path}: it is not a file")
    me = os.geteuid()
    if found.st_uid not in (me, 0):
        raise BadTokenFile(
            f"{path} belongs to another user: it must belong to the one that runs the daemon, or to root"
        )
    others = _OTHERS
    if found.st_uid != me and found.st_gid in (os.getegid(), *os.getgroups()):
        others &= ~stat.S_IRGRP  # root hands it to this user's group: otherwise the daemon could not read it
    if found.st_mode & others:
        mode = stat.S_IMODE(found.st_mode)
        raise BadTokenFile(f"{path} has the mode {mode:04o}, so that others may read or write it: `chmod 600 {path}`")


def read(path: str) -> TokenFile:
    """Return the tokens and tenants of the file at ``path``. Raises ``BadTokenFile``."""
    return parse_tokens(read_text(path), path)


def parse_tokens(text: str, path: str) -> TokenFile:
    """Return the tokens and tenants in ``text``, of the file at ``path``. Raises ``BadTokenFile``."""
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadTokenFile(f"{path}: it is not TOML: {error}") from None
    for key in content:
        if key not in ("tokens", "tenants"):
            raise _bad(path, text, "", key, f"{key}: unknown key; there are tokens and tenants")
    tokens: dict[str, Token] = {}
    listed = content.get("tokens", [])
    if not isinstance(listed, list) or not all(isinstance(it, dict) for it in listed):
        raise BadTokenFile(f"{path}: tokens must be tables, each with [[tokens]] above it")
    for number, table in enumerate(listed):
        token = _token(table, functools.partial(_bad, path, text, number))
        if tokens.setdefault(token.id, token) is not token:
            raise _bad(path, text, number, "id", f"id: there are two tokens with the id {token.id}")
    rules: dict[str, Rules] = {}
    tables = content.get("tenants", {})
    if not isinstance(tables, dict) or not all(isinstance(it, dict) for it in tables.values()):
        raise BadTokenFile(f"{path}: tenants must be tables, each with [tenants.NAME] above it")
    for name, table in tables.items():
        if not TENANT_NAME.fullmatch(name):
            raise _bad(path, text, name, name, f"{name}: {_NAME_RULE}")
        rules[name] = tenant_rules(table, functools.partial(_bad, path, text, name))
    return TokenFile(tokens=list(tokens.values()), rules=rules)


_NAME_RULE: Final = "a tenant's name must have from 1 to 64 letters, digits, dots, hyphens and underscores"


def _token(table: Mapping[str, Any], bad: Callable[[str, str], BadTokenFile]) -> Token:
    for key in table:
        if key not in _TOKEN_KEYS:
            raise bad(key, f"{key}: unknown key; there are {', '.join(_TOKEN_KEYS)}")
    for key in ("id", "role", "sha256"):
        if key not in table:
            raise bad(key, f"a token has no {key}")
    for key in ("id", "role", "sha256", "tenant", "name"):
        if not isinstance(table.get(key, ""), str):
            raise bad(key, f"{key}: must be a string, in quotes")
    if not _ID.fullmatch(table["id"]):
        raise bad("id", "id: must have from 4 to 32 digits and small letters")
    if not _SHA256.fullmatch(table["sha256"]):
        raise bad("sha256", "sha256: must be 64 hexadecimal digits in small letters")
    role: Role | None = next((it for it in ROLES if it == table["role"]), None)
    if role is None:
        raise bad("role", f"role: must be one of {', '.join(ROLES)}")
    tenant = table.get("tenant", "")
    if tenant and not TENANT_NAME.fullmatch(tenant):
        raise bad("tenant", f"tenant: {_NAME_RULE}")
    if role == "tenant" and not tenant:
        raise bad("tenant", "a token with the role tenant has no tenant")
    sha256 = bytes.fromhex(table["sha256"])
    return Token(id=table["id"], role=role, tenant=tenant, name=table.get("name", ""), sha256=sha256)


def _bad(path: str, text: str, table: int | str, key: str, what: str) -> BadTokenFile:
    return BadTokenFile(f"{path}, line {_line(text, key, table)}: {what}")


def _line(text: str, key: str, table: int | str) -> int:
    """Return the number of the line with ``key`` in a table: of the token of a number, of a tenant, or at the top.

    Without such a key it is the line of the table.
    """
    heads = re.compile(r"\s*\[\[\s*tokens\s*\]\]") if isinstance(table, int) else None
    tenant = re.compile(rf"""\s*\[\s*tenants\s*\.\s*["']?{re.escape(str(table))}["']?\s*\]""")
    spelled = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*[=.]""")
    seen, found, inside = -1, 1, table == ""
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("["):
            if inside and table != "":
                break
            seen += heads is not None and heads.match(line) is not None
            inside = seen == table if heads is not None else tenant.match(line) is not None
            found = number if inside else found
            if table == "" and re.match(rf"\s*\[+\s*{re.escape(key)}\b", line):
                return number
        elif inside and spelled.match(line):
            return number
    return found
