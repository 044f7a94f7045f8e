"""TLS: files that cannot be used are one clear error that names the setting; TLS 1.2 at least."""

import ssl
from pathlib import Path

import pytest
from certificates import Authority

from interpreterd.http.tls import server_context
from interpreterd.setting_kinds import SettingError
from interpreterd.settings import Settings


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def refusal(**values: str) -> tuple[str, str]:
    """Return the setting and the words with which ``values`` are refused."""
    with pytest.raises(SettingError) as caught:
        Settings.of(**values).check()
    return caught.value.name, str(caught.value)


def test_usable_files_are_taken(authority: Authority) -> None:
    cert, key = authority.issue("a")
    context = server_context(Settings.of(tls_cert=cert, tls_key=key).http)
    assert (context.minimum_version, context.verify_mode) == (ssl.TLSVersion.TLSv1_2, ssl.CERT_NONE)
    both = Path(cert).with_name("both.pem")
    both.write_text(Path(cert).read_text() + Path(key).read_text())
    context = server_context(Settings.of(tls_cert=str(both), tls_client_ca=authority.ca).http)
    assert context.verify_mode == ssl.CERT_REQUIRED


def test_files_that_do_not_fit_are_named(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.issue("a")
    _, other = authority.issue("b")
    missing, junk = str(tmp_path / "missing"), str(tmp_path / "junk")
    Path(junk).write_text("junk")
    assert refusal(tls_key=key) == ("tls_key", "needs --tls-cert as well")
    assert refusal(tls_client_ca=cert) == ("tls_client_ca", "needs --tls-cert as well")
    assert refusal(tls_cert=missing) == ("tls_cert", f"cannot read {missing}: No such file or directory")
    assert refusal(tls_cert=cert, tls_key=missing) == ("tls_key", f"cannot read {missing}: No such file or directory")
    assert refusal(tls_cert=junk, tls_key=key) == ("tls_cert", f"there is no usable certificate in {junk}")
    assert refusal(tls_cert=cert) == ("tls_cert", f"there is no usable private key without a password in {cert}")
    assert refusal(tls_cert=cert, tls_key=junk)[0] == "tls_key"
    assert refusal(tls_cert=cert, tls_key=other) == ("tls_key", f"the key is not that of the certificate in {cert}")
    files = {"tls_cert": cert, "tls_key": key}
    assert refusal(**files, tls_client_ca=junk) == ("tls_client_ca", f"there is no usable certificate in {junk}")
    assert refusal(**files, tls_client_ca=missing)[0] == "tls_client_ca"
