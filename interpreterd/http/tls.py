"""TLS at the daemon's ports: its certificate, and clients' certificates. Imported only if it is on."""

import ssl

from interpreterd.http.settings import HttpSettings
from interpreterd.setting_kinds import SettingError


def server_context(settings: HttpSettings) -> ssl.SSLContext:
    """Return a context with the files of ``settings`` as they are now: TLS 1.2 or newer, without compression.

    Raises:
        SettingError: A file cannot be read, has no certificate or key, or the key is not the certificate's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    key = "tls_key" if settings.tls_key else "tls_cert"
    for name in ("tls_cert", key):
        _check_readable(name, getattr(settings, name))
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key or None, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingError(key, f"the key is not that of the certificate in {settings.tls_cert}") from None
        name, what = key, "private key without a password"
        if not _has(settings.tls_cert, b"BEGIN CERTIFICATE-----"):
            name, what = "tls_cert", "certificate"
        raise SettingError(name, f"there is no usable {what} in {getattr(settings, name)}") from None
    if settings.tls_client_ca:
        _check_readable("tls_client_ca", settings.tls_client_ca)
        try:
            context.load_verify_locations(settings.tls_client_ca)
        except ssl.SSLError:
            raise SettingError("tls_client_ca", f"there is no usable certificate in {settings.tls_client_ca}") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _check_readable(name: str, path: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise SettingError(name, f"cannot read {path}: {error.strerror or error}") from None


def _has(path: str, mark: bytes) -> bool:
    with open(path, "rb") as file:
        return mark in file.read()


def _no_password() -> str:
    """Stand for the question that OpenSSL would put to a terminal."""
    return ""
