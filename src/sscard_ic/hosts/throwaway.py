"""Throw-away certificates for trying an HSM service on one machine; worthless anywhere else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.base.files import replace_file
from sscard_ic.hosts.server import ServerCertificates

DAYS = 365
_LOCAL = ("localhost", "127.0.0.1", "::1")
_USES = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
}


class ThrowawayAuthority:
    """A certificate authority that lives as long as this object: its key is never written."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _name("sscard TEST CA, throw-away")
        builder = (
            _builder(now - timedelta(days=1), now + timedelta(days=DAYS))
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
        )
        self._certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def certificate(self) -> bytes:
        """Its certificate, PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        role: Literal["server", "client"],
        names: Iterable[str] = _LOCAL,
        last: datetime | None = None,
    ) -> tuple[bytes, bytes]:
        """A certificate and its private key, PEM: for a server with ``names``, or for a client.

        ``last`` is its last moment, by default :data:`DAYS` from now.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        until = last or self._now + timedelta(days=DAYS)
        first = min(self._now, until) - timedelta(days=1)
        authority = self._key.public_key()
        builder = (
            _builder(first, until)
            .subject_name(_name(f"sscard TEST {role}"))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([_USES[role]]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority), critical=False
            )
        )
        if role == "server":
            alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        made = builder.sign(self._key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return made.public_bytes(serialization.Encoding.PEM), private


@dataclass(frozen=True, slots=True)
class ThrowawayFiles:
    """The five files in a folder."""

    folder: Path

    @property
    def ca(self) -> Path:
        """The authority, for both sides."""
        return self.folder / "ca.pem"

    @property
    def client_certificate(self) -> Path:
        """For the client."""
        return self.folder / "client.pem"

    @property
    def client_key(self) -> Path:
        """For the client, mode 0600."""
        return self.folder / "client.key"

    @property
    def server(self) -> ServerCertificates:
        """For the server."""
        return ServerCertificates(self.folder / "server.pem", self.folder / "server.key", self.ca)

    @property
    def all(self) -> tuple[Path, ...]:
        """Every one of them."""
        server = self.server
        own = server.certificate, server.private_key
        return self.ca, *own, self.client_certificate, self.client_key


def throwaway_files(folder: Path, now: datetime) -> ThrowawayFiles:
    """The certificates in ``folder``, made there when it has none.

    Raises :class:`InputError` when there are some of them only, or when they are out of date:
    nothing is overwritten.
    """
    files = ThrowawayFiles(folder)
    found = [path for path in files.all if path.exists()]
    if found and (len(found) < len(files.all) or _expired(files, now)):
        raise InputError(
            Text(
                "测试证书不完整或已过期",
                "the test certificates are not complete, or out of date",
            ),
            where=str(folder),
            hint=Text("删除该目录，或另选一个", "delete the folder, or choose another one"),
        )
    if not found:
        _write(files, ThrowawayAuthority(now))
    return files


def _expired(files: ThrowawayFiles, now: datetime) -> bool:
    try:
        last = [
            x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
            for path in (files.ca, files.server.certificate, files.client_certificate)
        ]
    except (OSError, ValueError):
        return True
    return min(last) <= now


def _write(files: ThrowawayFiles, authority: ThrowawayAuthority) -> None:
    server, client = authority.issue("server"), authority.issue("client")
    contents = (authority.certificate, *server, *client)
    try:
        files.folder.mkdir(parents=True, exist_ok=True)
        for path, content in zip(files.all, contents, strict=True):
            replace_file(path, content)
    except OSError as error:
        reason = os_reason(error)
    else:
        return
    raise InputError(
        Text(f"无法写入（{reason.zh}）", f"cannot be written ({reason.en})"),
        where=str(files.folder),
        hint=Text("检查路径与权限", "check the path and its permissions"),
    )


def _builder(first: datetime, last: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(last)
    )


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
