"""A TLS client in the daemon's process trusts the system's authorities, as any other program does."""

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from interpreterd.authorities import read_later

# Imports aiohttp as the daemon does, sends requests to a server with the certificate argv[1], prints each outcome.
CLIENT = """
import asyncio, ssl, sys
from interpreterd.start import _quick_imports
with _quick_imports():
    import aiohttp, uvloop
from aiohttp import web
from aiohttp.connector import _SSL_CONTEXT_VERIFIED

async def main():
    async def answer(request):
        return web.Response(text="trusted")
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as session:
        for name in ("localhost", "127.0.0.1"):
            try:
                async with session.get(f"https://{name}:{port}") as response:
                    print(await response.text())
            except aiohttp.ClientConnectorCertificateError as error:
                print(error.certificate_error.reason, error.certificate_error.verify_message.partition(":")[0])
    await runner.cleanup()

uvloop.run(main())
"""


# Valid for a hundred years. Its key is public here, so it protects nothing.
LOCALHOST = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3G/t8smEHOdDHuZ1
norw7b4cU2MGt6r+5mYVZg5hOiChRANCAAQ2Kdwh8aZnY4LrZoTvqBQbMrZYnozC
VAkC16uhY8QStFYEf6gVqTyDGMzdld4rcsd4P5mJBUimd0H0nGGWyY8y
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBpDCCAUugAwIBAgIUbJTSaB8HLjRAcz87QlcZmH2tRoswCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNjE1MDc1MFoYDzIxMjYxMTAy
MTUwNzUwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQ2Kdwh8aZnY4LrZoTvqBQbMrZYnozCVAkC16uhY8QStFYEf6gVqTyD
GMzdld4rcsd4P5mJBUimd0H0nGGWyY8yo3kwdzAdBgNVHQ4EFgQUDcmht7Soj3P8
MYjkDSqM3dx/+QswHwYDVR0jBBgwFoAUDcmht7Soj3P8MYjkDSqM3dx/+QswFAYD
VR0RBA0wC4IJbG9jYWxob3N0MA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQD
AgKEMAoGCCqGSM49BAMCA0cAMEQCIG2VGD0mW9665eaYk5AxM3rvxkV8EHwf4LdH
DNba4RrcAiBVZYwcKbDMLaMEWPZEr1cBHIlxGGvpwr+BNNZxt+11+w==
-----END CERTIFICATE-----
"""


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a self-signed certificate for localhost, with its key."""
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_text(LOCALHOST)
    return path


def outcomes(certificate: Path, **environ: str) -> list[str]:
    """Return the outcomes of two requests: to localhost, and to a name that the certificate does not have."""
    ran = subprocess.run(
        [sys.executable, "-c", CLIENT, certificate],
        env=os.environ | environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.splitlines()


def test_a_client_trusts_the_authorities_of_the_system(certificate: Path) -> None:
    trusted, other_name = outcomes(certificate, SSL_CERT_FILE=str(certificate))
    assert trusted == "trusted"
    assert other_name.startswith("CERTIFICATE_VERIFY_FAILED IP address mismatch")


def test_a_client_trusts_no_other_authority(certificate: Path, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("")
    first, _ = outcomes(certificate, SSL_CERT_FILE=str(tmp_path / "none.pem"), SSL_CERT_DIR=str(tmp_path))
    assert first == "CERTIFICATE_VERIFY_FAILED self-signed certificate"


@pytest.fixture
def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system trust only this certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.mark.usefixtures("trusting")
def test_a_late_tls_context_is_the_usual_one_that_reads_the_authorities_later(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = ssl.create_default_context()
    with read_later():
        late = ssl.create_default_context()
        other = ssl.create_default_context()
    assert ssl._SSLContext.cert_store_stats(late)["x509"] == 0  # type: ignore[attr-defined]
    names = ("verify_mode", "verify_flags", "check_hostname", "options", "protocol", "keylog_filename")
    assert {name: getattr(late, name) for name in names} == {name: getattr(usual, name) for name in names}
    assert late.get_ca_certs() == usual.get_ca_certs() != []
    assert other.cert_store_stats() == usual.cert_store_stats()
    assert type(late) is type(other) is ssl.SSLContext


@pytest.mark.usefixtures("trusting")
def test_outside_of_the_block_nothing_is_late() -> None:
    with read_later():
        pass
    assert ssl._SSLContext.cert_store_stats(ssl.create_default_context())["x509"] == 1  # type: ignore[attr-defined]
