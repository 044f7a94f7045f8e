"""Tokens for tests: files of them, and headers with one."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from interpreterd.tenants.tokens import new_token


@frozen
class Tokens:
    """A file of tokens, and the tokens themselves by their names.

    Attributes:
        path: Of the file.
    """

    path: Path
    texts: Mapping[str, str]

    def headers(self, name: str) -> dict[str, str]:
        """Return the header of a request with a token."""
        return {"Authorization": f"Bearer {self.texts[name]}"}

    def id_of(self, name: str) -> str:
        """Return the id of a token."""
        return self.texts[name].split("_")[1]


def write_tokens(path: Path, tables: str = "", **tokens: str) -> Tokens:
    """Write a file with a token for each of ``tokens``, ``role`` or ``role tenant``; ``tables`` come before them."""
    texts = {}
    lines = [tables]
    for name, whose in tokens.items():
        text, token_id, sha256 = new_token()
        assert sha256 == hashlib.sha256(text.encode()).digest()
        texts[name] = text
        role, _, tenant = whose.partition(" ")
        lines += ["[[tokens]]", f'id = "{token_id}"', f'role = "{role}"', f'name = "{name}"']
        lines += [f'tenant = "{tenant}"'] if tenant else []
        lines += [f'sha256 = "{sha256.hex()}"', ""]
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    return Tokens(path, texts)
