"""Tokens: their form, and the identity that each stands for.

A token is ``ipd_ID_SECRET``. The id is public; by it the daemon finds the token. The secret has 256 random bits, and
only its SHA-256 is kept. A slow hash (bcrypt, Argon2) protects secrets that people choose, because those can be
guessed. No computer finds one of 2^256 secrets, however fast the hash is; and a fast one costs a request a microsecond.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import field, frozen

from interpreterd.model.identity import Identity, Role

TOKEN_PREFIX: Final = "ipd"
ID_DIGITS: Final = 8
SECRET_BYTES: Final = 32
CHOSEN_ID: Final = "environment"
"""The id of the token that the daemon's own environment has."""
CHOSEN_LEAST_CHARS: Final = 8
STRONG_CHARS: Final = 32
"""A token that somebody has chosen, and that is shorter, may be found by guessing."""
TOKEN_LIMIT_CHARS: Final = 512
_NO_DIGEST: Final = bytes(hashlib.sha256().digest_size)


@frozen(kw_only=True)
class Token:
    """A token that the daemon takes.

    Attributes:
        id: Names it to people; no secret.
        tenant: Empty: of no tenant.
        name: A note of who made it.
        sha256: Of the whole token.
        guessable: Whether it is so short that somebody may find it by trying.
    """

    id: str
    role: Role
    tenant: str = ""
    name: str = ""
    sha256: bytes = field(repr=False)
    guessable: bool = False

    @property
    def identity(self) -> Identity:
        """The identity of a request with this token."""
        sees_all = self.role == "admin" or (self.role == "read" and not self.tenant)
        return Identity(tenant=self.tenant, role=self.role, token=self.id, sees_all=sees_all)


class Tokens:
    """The tokens of a daemon. It cannot be changed: a reload makes another one."""

    def __init__(self, tokens: Iterable[Token], chosen: Token | None = None) -> None:
        """Take ``tokens``, and one that the daemon's own environment has."""
        self._all: Mapping[str, Token] = {it.id: it for it in tokens}
        self._chosen = chosen
        self._identities: dict[str, Identity] = {}  # of tokens that were used

    def identity_of(self, token: Token) -> Identity:
        """Return the identity of one of these tokens, the same object each time."""
        return self._identities.get(token.id) or self._identities.setdefault(token.id, token.identity)

    def find(self, text: str) -> Token | None:
        """Return the token that ``text`` is, or None. The time that it takes says nothing about any secret."""
        if len(text) > TOKEN_LIMIT_CHARS:
            return None
        given = hash_of(text)
        known = self._all.get(id_of(text))
        is_known = hmac.compare_digest(given, _NO_DIGEST if known is None else known.sha256)
        if is_known and known is not None:
            return known
        if self._chosen is not None and hmac.compare_digest(given, self._chosen.sha256):
            return self._chosen
        return None

    def get(self, token_id: str) -> Token | None:
        """Return the token of this id, or None."""
        if self._chosen is not None and token_id == CHOSEN_ID:
            return self._chosen
        return self._all.get(token_id)

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants that have tokens."""
        return frozenset(it.tenant for it in self._all.values() if it.tenant)


def new_token() -> tuple[str, str, bytes]:
    """Return a new token, its id and its hash."""
    token_id = secrets.token_hex(ID_DIGITS // 2)
    text = f"{TOKEN_PREFIX}_{token_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    return text, token_id, hash_of(text)


def hash_of(text: str) -> bytes:
    """Return what is kept of a token; of any text, also one that is no UTF-8."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()


def id_of(text: str) -> str:
    """Return the id in a token; empty for a text of another form."""
    prefix, _, rest = text.partition("_")
    return rest.partition("_")[0] if prefix == TOKEN_PREFIX else ""


def chosen_token(text: str) -> Token:
    """Return the token ``text``, of the daemon's environment: an administrator's. Raises ValueError if it cannot be."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("must be printable ASCII without spaces")
    if not CHOSEN_LEAST_CHARS <= len(text) <= TOKEN_LIMIT_CHARS:
        raise ValueError(f"must have from {CHOSEN_LEAST_CHARS} to {TOKEN_LIMIT_CHARS} characters")
    return Token(id=CHOSEN_ID, role="admin", sha256=hash_of(text), guessable=len(text) < STRONG_CHARS)


def hand_over(token: Token) -> bytes:
    """Return what another process makes the same chosen token of: its hash, and not the token itself."""
    return b"%d %s" % (token.guessable, token.sha256.hex().encode())


def handed_token(data: bytes) -> Token:
    """Return the chosen token of ``hand_over``."""
    guessable, sha256 = data.decode().split()
    return Token(id=CHOSEN_ID, role="admin", sha256=bytes.fromhex(sha256), guessable=guessable == "1")
