"""``sscard doctor`` on SM2 and the certificate authority."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pytest
from tests.cli.made_up_machine import Tree, by_subject, told
from tests.support.remote_hsm import certificates, served

from sscard_ic.base.errors import Text
from sscard_ic.cli.checkup import Finding
from sscard_ic.cli.checkup_certificates import certificate_findings
from sscard_ic.crypto.certificates import (
    Certificate,
    DistinguishedName,
    Signer,
    build_certificate,
)
from sscard_ic.crypto.sm2 import provider
from sscard_ic.crypto.sm2.provider import Backend
from sscard_ic.hosts.authority_server import AuthorityServer
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.keys import SoftwareVault

AUTHORITY, TRUST = "certificate authority", "trusted certificates"


def found(tree: Tree, settings: str | None = None) -> dict[str, Finding]:
    """The findings with this file of settings."""
    if settings is not None:
        tree.write("/home/sscard.toml", settings)
    return by_subject(certificate_findings(tree.machine()))


def http(url: str, *more: str, trust: str = "") -> str:
    """Settings of an authority that is asked by HTTP."""
    head = ["[certificates]", 'service = "http"', *([f"trust = {trust}"] if trust else [])]
    lines = [*head, "[certificates.http]", f'url = "{url}"', 'environment = "test"', *more]
    return "\n".join(lines)


def root(name: str, days: int) -> str:
    """A self-signed CA certificate that ends in so many days, PEM."""
    pair, subject = provider().generate(), DistinguishedName.of(("CN", name))
    signer = Signer(subject, pair.public, lambda e: provider().sign(pair.private, e))
    last = datetime.now(UTC) + timedelta(days=days)
    der = build_certificate(
        subject,
        pair.public,
        signer,
        not_before=last - timedelta(days=100),
        not_after=last,
        key_usage=("key_cert_sign",),
        authority=True,
    )
    return Certificate.parse(der).pem()


# -- SM2 ---------------------------------------------------------------------------------------


def test_the_library_of_the_machine(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSCARD_SM2", raising=False)
    finding = found(tree)["sm2"]
    assert finding.state == "ok"
    assert "OpenSSL 3" in told(finding)


def test_a_library_that_was_asked_for(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSCARD_SM2", "gmalg")
    tree.environment["SSCARD_SM2"] = "gmalg"
    finding = found(tree)["sm2"]
    assert finding.state == "note"
    assert "gmalg" in told(finding)
    assert "(SSCARD_SM2=gmalg)" in told(finding)
    assert "unset" in told(finding)


def test_a_machine_without_openssl(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSCARD_SM2", "gmalg")
    slow = provider()
    why = Text("没有 libcrypto", "there is no libcrypto")
    module = sys.modules["sscard_ic.crypto.sm2.provider"]
    monkeypatch.setattr(module, "provider", lambda: slow)
    monkeypatch.setattr(module, "providers", lambda: (Backend("openssl", None, why),))
    finding = found(tree)["sm2"]
    assert finding.state == "note"
    assert "there is no libcrypto" in told(finding)
    assert "install libcrypto of OpenSSL 3" in told(finding)


def test_a_library_that_there_is_not(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSCARD_SM2", "libressl")
    finding = found(tree)["sm2"]
    assert finding.state == "missing"
    assert "openssl | gmalg" in told(finding)


# -- the authority -----------------------------------------------------------------------------


def test_without_settings_it_is_the_test_ca(tree: Tree) -> None:
    findings = found(tree)
    assert list(findings) == ["sm2", AUTHORITY]
    assert findings[AUTHORITY].state == "ok"
    assert "test cards only" in told(findings[AUTHORITY])


def test_one_that_is_there_and_then_not(tree: Tree) -> None:
    with AuthorityServer(TestAuthority()) as server:
        server.start()
        finding = found(tree, http(server.url))[AUTHORITY]
        assert finding.state == "ok"
        assert "can be reached (HTTP)" in told(finding)
    finding = found(tree)[AUTHORITY]
    assert finding.state == "missing"
    assert server.url in told(finding)
    assert "whether the service runs" in told(finding)


def test_one_behind_tls(tree: Tree, plant_vault: SoftwareVault) -> None:
    files = certificates(tree.root)
    own = (
        f'client_certificate = "{files.client_certificate}"',
        f'client_key = "{files.client_key}"',
    )
    with served(plant_vault, "dalian", tree.root) as server:
        finding = found(tree, http(server.url, f'ca_file = "{files.ca}"', *own))[AUTHORITY]
        assert finding.state == "ok"
        assert "(TLSv1.3)" in told(finding)
        strange = certificates(tree.root / "strange").ca
        finding = found(tree, http(server.url, f'ca_file = "{strange}"'))[AUTHORITY]
        assert finding.state == "missing"


def test_files_that_cannot_be_used(tree: Tree) -> None:
    finding = found(tree, http("https://127.0.0.1:9/ca", 'ca_file = "none.pem"'))[AUTHORITY]
    assert finding.state == "missing"
    assert "none.pem" in told(finding)


def test_without_the_package_for_it(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    finding = found(tree, http("http://127.0.0.1:9/ca"))[AUTHORITY]
    assert finding.state == "missing"
    assert "sscard-ic[remote]" in told(finding)


def test_settings_that_are_wrong(tree: Tree) -> None:
    finding = found(tree, '[certificates]\nservise = "http"\n')[AUTHORITY]
    assert finding.state == "missing"
    assert "sscard.toml:2" in told(finding)
    assert list(found(tree, "[[[")) == ["sm2"], "that is told with the settings themselves"


def test_trusted_certificates(tree: Tree) -> None:
    tree.write("/home/one.pem", root("One CA", 50))
    settings = '[certificates]\ntrust = ["one.pem"]\n'
    finding = found(tree, settings)[TRUST]
    assert finding.state == "ok"
    assert "1: One CA" in told(finding)
    tree.write("/home/one.pem", root("One CA", 50) + root("Old CA", -5))
    finding = found(tree, settings)[TRUST]
    assert finding.state == "missing"
    assert "out of date: Old CA" in told(finding)
    tree.write("/home/one.pem", "no certificate")
    finding = found(tree, settings)[TRUST]
    assert finding.state == "missing"
    assert "one.pem" in told(finding)
