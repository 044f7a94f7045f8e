"""The certificates of the public authorities: read when a program first needs them, not at import.

aiohttp makes the contexts of its client at import, and reads the certificates for them: an eighth of the daemon's
start. The daemon uses no such client.
"""

import contextlib
import ssl
from collections.abc import Iterator
from typing import Any


class _ReadLater(ssl.SSLContext):
    """A context that has read no authorities yet, and reads them before its first use. It then is a plain one."""

    def wrap_bio(self, *arguments: Any, **keywords: Any) -> ssl.SSLObject:
        return _read(self).wrap_bio(*arguments, **keywords)

    def wrap_socket(self, *arguments: Any, **keywords: Any) -> ssl.SSLSocket:
        return _read(self).wrap_socket(*arguments, **keywords)

    def get_ca_certs(self, *arguments: Any, **keywords: Any) -> Any:
        return _read(self).get_ca_certs(*arguments, **keywords)

    def cert_store_stats(self) -> dict[str, int]:
        return _read(self).cert_store_stats()


def _read(context: _ReadLater) -> ssl.SSLContext:
    plain: ssl.SSLContext = context
    plain.__class__ = ssl.SSLContext
    plain.set_default_verify_paths()
    return plain


@contextlib.contextmanager
def read_later() -> Iterator[None]:
    """Make each context that is made in the block read its authorities before its first use, instead of at once."""

    def note(context: ssl.SSLContext) -> None:
        context.__class__ = _ReadLater

    ssl.SSLContext.set_default_verify_paths = note  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        del ssl.SSLContext.set_default_verify_paths  # the method of its base class is visible again
