"""Certificates for tests: an authority, and files with certificates that it has signed."""

import ssl
from pathlib import Path

import trustme
from attrs import define, field


@define
class Authority:
    """An authority whose certificates are in ``folder``."""

    folder: Path
    _ca: trustme.CA = field(init=False, factory=trustme.CA)

    @property
    def ca(self) -> str:
        """The file with its own certificate."""
        path = self.folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(path))
        return str(path)

    def issue(self, name: str, *identities: str) -> tuple[str, str]:
        """Write ``name``'s certificate and key; return the files. They are replaced if they exist."""
        issued = self._ca.issue_cert(*identities or ("localhost", "127.0.0.1", "::1"), common_name=name)
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        issued.private_key_pem.write_to_path(str(key))
        cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        return str(cert), str(key)

    def client_context(self, *files: str) -> ssl.SSLContext:
        """Return a client's context that trusts this authority alone, with the certificate in ``files`` if given."""
        context = ssl.create_default_context(cafile=self.ca)
        if files:
            context.load_cert_chain(*files)
        return context
