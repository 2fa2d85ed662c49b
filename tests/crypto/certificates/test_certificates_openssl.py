"""The second opinion: what openssl says of our certificates, and we of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.crypto.certificates.pki import (
    AT,
    CARD_NUMBER,
    DISTID,
    END,
    HOLDER,
    START,
    Party,
    opened,
    openssl,
    pki,
    write_key,
)

from sscard_ic.crypto.certificates import (
    Certificate,
    CertificateError,
    DistinguishedName,
    build_request,
    chain,
    parse_request,
)
from sscard_ic.crypto.sm2 import provider
from sscard_ic.crypto.sm2.forms import signature_to_der


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A folder with the certificates of this house."""
    for name, certificate in (
        ("root", pki().root_certificate),
        ("operating", pki().operating_certificate),
        ("card", pki().card_certificate),
    ):
        (tmp_path / f"{name}.pem").write_text(certificate.pem())
        (tmp_path / f"{name}.der").write_bytes(certificate.der)
    return tmp_path


def test_openssl_shows_what_we_wrote(ours: Path) -> None:
    card = pki().card_certificate
    text = opened(ours, "x509 -inform DER -in card.der -noout -text -nameopt RFC2253,utf8,-esc_msb")
    serial = ":".join(card.number[at : at + 2].lower() for at in range(0, 32, 2))
    for line in (
        "Version: 3 (0x2)",
        serial,
        "Signature Algorithm: SM2-with-SM3",
        "Issuer: CN=测试运营 CA,O=测试机构,C=CN",
        "Not Before: Jan  1 00:00:00 2026 GMT",
        "Not After : Jan  1 00:00:00 2036 GMT",
        "Subject: CN=阿卜杜拉·样本,L=乌鲁木齐市,ST=新疆维吾尔自治区,C=CN",
        "ASN1 OID: SM2",
        "X509v3 Key Usage: \n                Digital Signature, Non Repudiation",
        f"{CARD_NUMBER}: \n                A00000017",
    ):
        assert line in text
    assert "critical" not in text
    root = opened(ours, "x509 -in root.pem -noout -text")
    assert "X509v3 Basic Constraints: critical\n                CA:TRUE" in root


def test_openssl_names_the_keys_as_we_do(ours: Path) -> None:
    """Its own key identifier (SHA-1 of the key) is the one we write."""
    opened(ours, "x509 -in card.pem -noout -pubkey -out key.pem")
    (ours / "extensions.cnf").write_text("subjectKeyIdentifier=hash\n")
    write_key(ours / "root.key", pki().root)
    opened(ours, f"req -new -key root.key -subj /CN=x -out x.csr -sm3 -sigopt {DISTID}")
    opened(
        ours,
        "x509 -req -in x.csr -force_pubkey key.pem -CA root.pem -CAkey root.key -sm3 "
        f"-sigopt {DISTID} -vfyopt {DISTID} -extfile extensions.cnf -out x.pem",
    )
    other = Certificate.parse((ours / "x.pem").read_bytes())
    assert other.understood.subject_key_id == pki().card_certificate.understood.subject_key_id
    assert other.public == pki().card.pair.public


def verify(
    folder: Path, authority: str, certificate: str, *, at: datetime = AT, distid: str
) -> str:
    """What ``openssl verify`` says of one link.

    It gives the identifier of the signer to the certificate in question only, none to those
    between it and the root (OpenSSL 3.0): so a chain is verified link by link.
    """
    options = f"-attime {int(at.timestamp())} -x509_strict -partial_chain -vfyopt {distid}"
    done = openssl(folder, f"verify {options} -CAfile {authority}.pem {certificate}.pem")
    return done.stdout + done.stderr


def test_openssl_verifies_every_link_of_our_chain(ours: Path) -> None:
    for authority, certificate in (("root", "operating"), ("operating", "card")):
        said = verify(ours, authority, certificate, distid=DISTID)
        assert said == f"{certificate}.pem: OK\n"
    assert "unable to get local issuer" in verify(ours, "root", "card", distid=DISTID)


def test_openssl_verifies_every_signature_of_our_chain(ours: Path) -> None:
    issuers = {"root": "root", "operating": "root", "card": "operating"}
    for name, issuer in issuers.items():
        certificate = Certificate.parse((ours / f"{name}.der").read_bytes())
        (ours / "signed").write_bytes(certificate.signed)
        (ours / "signature").write_bytes(signature_to_der(certificate.signature))
        opened(ours, f"x509 -in {issuer}.pem -noout -pubkey -out issuer.pub")
        said = opened(
            ours,
            "pkeyutl -verify -pubin -inkey issuer.pub -rawin -digest sm3 -in signed "
            f"-sigfile signature -pkeyopt {DISTID}",
        )
        assert "Signature Verified Successfully" in said


def test_openssl_refuses_what_we_refuse(ours: Path) -> None:
    late = END + timedelta(seconds=1)
    assert "has expired" in verify(ours, "operating", "card", at=late, distid=DISTID)
    early = START - timedelta(seconds=1)
    assert "not yet valid" in verify(ours, "operating", "card", at=early, distid=DISTID)
    other = verify(ours, "operating", "card", distid="distid:8765432187654321")
    assert "certificate signature failure" in other


def test_openssl_verifies_our_request(tmp_path: Path) -> None:
    card = pki().card
    data = build_request(HOLDER, card.pair.public, card.sign)
    (tmp_path / "card.csr").write_text(parse_request(data).pem())
    command = "req -in card.csr -verify -noout -subject -nameopt RFC2253,utf8,-esc_msb"
    done = openssl(tmp_path, f"{command} -vfyopt {DISTID}")
    assert "verify OK" in done.stdout + done.stderr
    assert "CN=阿卜杜拉·样本" in done.stdout
    wrong = openssl(tmp_path, f"{command} -vfyopt distid:8765432187654321")
    assert "verify failure" in wrong.stdout + wrong.stderr


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a root, an authority and a card that openssl made."""
    folder = tmp_path_factory.mktemp("openssl")
    (folder / "ext.cnf").write_text(
        "[ca]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid,issuer:always\n"
        "[card]\nkeyUsage=digitalSignature,nonRepudiation\nsubjectKeyIdentifier=hash\n"
        "authorityKeyIdentifier=keyid\n1.2.156.2316.1.1=DER:41:31:32\n"
    )
    for name in ("root", "ca", "card"):
        opened(folder, f"genpkey -algorithm SM2 -out {name}.key")
    opened(
        folder,
        "req -x509 -new -key root.key -sm3 -utf8 -days 9000 -out root.pem "
        f"-subj /C=CN/O=甲机构/CN=甲根 -sigopt {DISTID}",
    )
    for name, subject, issuer in (
        ("ca", "/C=CN/O=甲机构/CN=甲运营", "root"),
        ("card", "/C=CN/ST=上海市/CN=欧阳·样本", "ca"),
    ):
        opened(
            folder,
            f"req -new -key {name}.key -sm3 -utf8 -out {name}.csr -subj {subject} -sigopt {DISTID}",
        )
        opened(
            folder,
            f"x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -sm3 "
            f"-days 3650 -extfile ext.cnf -extensions {name} -out {name}.pem "
            f"-sigopt {DISTID} -vfyopt {DISTID}",
        )
    return folder


def read(folder: Path, *names: str) -> Iterator[Certificate]:
    return (Certificate.parse((folder / f"{name}.pem").read_bytes()) for name in names)


def test_we_verify_a_chain_that_openssl_made(theirs: Path) -> None:
    root, authority, card = read(theirs, "root", "ca", "card")
    at = card.not_before + timedelta(days=1)
    assert chain(card, (root, authority), at) == (card, authority, root)
    assert card.subject.parts == (("C", "CN"), ("ST", "上海市"), ("CN", "欧阳·样本"))
    assert card.key_usage == {"digital_signature", "non_repudiation"}
    assert card.extension("1.2.156.2316.1.1") == b"A12"
    assert authority.is_authority
    assert authority.understood.path_length == 0
    assert root.is_self_issued
    assert card.not_after - card.not_before == timedelta(days=3650)
    assert root.not_after > datetime(2050, 1, 1, tzinfo=UTC)
    with pytest.raises(CertificateError, match="not valid before"):
        chain(card, (root, authority), card.not_before - timedelta(days=1))


def test_we_verify_a_request_that_openssl_made(theirs: Path) -> None:
    (certificate,) = read(theirs, "card")
    request = parse_request((theirs / "card.csr").read_bytes())
    assert request.public == certificate.public
    assert request.subject == certificate.subject
    with pytest.raises(CertificateError, match="signature"):
        parse_request((theirs / "card.csr").read_bytes(), user_id=b"another")


def test_we_refuse_a_chain_that_openssl_made_of_another_curve(theirs: Path) -> None:
    opened(
        theirs,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout p.key "
        "-subj /CN=x -out p.pem",
    )
    with pytest.raises(CertificateError, match="not SM2 with SM3") as caught:
        next(read(theirs, "p"))
    assert caught.value.reason == "unsupported"
    opened(theirs, "x509 -in p.pem -noout -pubkey -out p.pub")
    opened(
        theirs,
        "x509 -req -in card.csr -CA ca.pem -CAkey ca.key -sm3 -out mixed.pem -extfile ext.cnf "
        f"-extensions card -sigopt {DISTID} -vfyopt {DISTID} -force_pubkey p.pub",
    )
    with pytest.raises(CertificateError, match="no SM2 key"):
        next(read(theirs, "mixed"))


def test_dates_after_2050_mean_the_same_to_both(tmp_path: Path) -> None:
    start, end = datetime(2049, 12, 31, 23, tzinfo=UTC), datetime(2050, 1, 1, 1, tzinfo=UTC)
    late = pki().root.issue(pki().card, not_before=start, not_after=end)
    (tmp_path / "late.pem").write_text(late.pem())
    text = opened(tmp_path, "x509 -in late.pem -noout -dates -dateopt iso_8601")
    assert text == "notBefore=2049-12-31 23:00:00Z\nnotAfter=2050-01-01 01:00:00Z\n"


@pytest.mark.parametrize("name", ["阿·某", "欧阳" * 15, "Ｂ", "a" * 64, "𠀀" * 32])
def test_names_mean_the_same_to_both(tmp_path: Path, name: str) -> None:
    holder = replace(pki().card, name=DistinguishedName.of(("C", "CN"), ("CN", name)))
    (tmp_path / "name.pem").write_text(pki().operating.issue(holder).pem())
    command = "x509 -in name.pem -noout -subject -nameopt RFC2253,utf8,-esc_msb"
    assert opened(tmp_path, command) == f"subject=CN={name},C=CN\n"


def test_a_key_of_ours_makes_a_root_there(tmp_path: Path) -> None:
    party = Party(DistinguishedName.of(("CN", "x")), provider().generate())
    write_key(tmp_path / "own.key", party)
    command = "req -x509 -new -key own.key -sm3 -subj /CN=own -out own.pem"
    opened(tmp_path, f"{command} -sigopt {DISTID}")
    (root,) = read(tmp_path, "own")
    assert root.public == party.pair.public
    assert chain(root, (root,), root.not_before) == (root,)
