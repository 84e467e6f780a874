"""Certificates for tests, made when they are needed: nobody else trusts them."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that signs itself, for some names."""

    path: Path
    key: Path

    @property
    def for_server(self) -> ssl.SSLContext:
        """What a server presents."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context


def make_certificate(folder: Path, *names: str) -> Certificate:
    """A certificate for these names. Skips the test where there is no openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    said = ",".join(f"DNS:{name}" for name in names)
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={said}"]
    command += ["-keyout", str(made.key), "-out", str(made.path)]
    subprocess.run(command, check=True, capture_output=True)
    return made
