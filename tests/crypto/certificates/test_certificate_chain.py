"""Chains: who is believed, who is not, and why."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from tests.crypto.certificates.pki import AT, END, START, Party, altered, pki, resigned

from sscard_ic.crypto.certificates import (
    Certificate,
    CertificateError,
    DistinguishedName,
    Extension,
    Signer,
    chain,
)
from sscard_ic.crypto.sm2 import provider

PKI = pki()
CARD, ROOT, OPERATING = PKI.card_certificate, PKI.root_certificate, PKI.operating_certificate
SECOND = timedelta(seconds=1)


def refused(
    leaf: Certificate, trusted: tuple[Certificate, ...], reason: str, why: str, at: datetime = AT
) -> CertificateError:
    with pytest.raises(CertificateError, match=why) as caught:
        chain(leaf, trusted, at)
    error = caught.value
    assert error.reason == reason
    assert error.hint is not None
    assert any("\u4e00" <= char <= "\u9fff" for char in error.what.zh)
    assert "样本" not in error.render("zh") + error.render("en"), "the holder is not named"
    return error


@pytest.mark.parametrize("trusted", [(ROOT, OPERATING), (OPERATING, ROOT), (ROOT, OPERATING) * 2])
def test_a_card_is_led_back_to_the_root(trusted: tuple[Certificate, ...]) -> None:
    assert chain(CARD, trusted, AT) == (CARD, OPERATING, ROOT)


def test_authorities_have_chains_of_their_own() -> None:
    assert chain(OPERATING, (ROOT,), AT) == (OPERATING, ROOT)
    assert chain(ROOT, (ROOT,), AT) == (ROOT,)


def test_unrelated_authorities_do_not_disturb() -> None:
    others = [Party.new(f"其他 {number}") for number in range(3)]
    trusted = (*(other.authorize(other) for other in others), ROOT, OPERATING)
    assert chain(CARD, trusted, AT)[-1] == ROOT


@pytest.mark.parametrize("at", [START, END, AT.astimezone(timezone(timedelta(hours=8)))])
def test_both_ends_of_the_validity_belong_to_it(at: datetime) -> None:
    assert chain(CARD, PKI.trusted, at)[0] == CARD


def test_an_expired_card() -> None:
    error = refused(CARD, PKI.trusted, "expired", "2036-01-01 00:00:00 UTC", END + SECOND)
    assert CARD.number in error.what.en
    assert CARD.number in error.what.zh


def test_a_card_that_is_not_valid_yet() -> None:
    refused(CARD, PKI.trusted, "not_yet_valid", "2026-01-01 00:00:00 UTC", START - SECOND)


def test_an_expired_authority_is_named() -> None:
    operating = PKI.root.authorize(PKI.operating, not_after=AT - SECOND)
    error = refused(CARD, (ROOT, operating), "expired", "2030-06-15 11:59:59 UTC")
    assert "测试运营 CA" in error.what.zh
    assert "测试运营 CA" in error.what.en


def test_an_expired_root() -> None:
    root = PKI.root.authorize(PKI.root, not_after=AT - SECOND)
    assert "测试根" in refused(CARD, (root, OPERATING), "expired", "expired").what.zh


def test_a_renewed_authority_replaces_the_expired_one() -> None:
    old = PKI.root.authorize(PKI.operating, not_after=AT - SECOND)
    assert chain(CARD, (old, ROOT, OPERATING), AT) == (CARD, OPERATING, ROOT)


def test_the_issuer_is_missing() -> None:
    error = refused(CARD, (ROOT,), "unknown_issuer", "测试运营 CA")
    assert error.hint is not None
    assert "root" in error.hint.en
    refused(CARD, (), "unknown_issuer", "测试运营 CA")


def test_the_root_is_missing() -> None:
    refused(CARD, (OPERATING,), "unknown_issuer", "测试根")


def test_a_self_signed_card_is_not_trusted_and_not_named() -> None:
    alone = PKI.card.issue(PKI.card)
    refused(alone, PKI.trusted, "unknown_issuer", "self-signed")


def test_a_chain_ends_at_a_trusted_root_only() -> None:
    stranger = Party.new("陌生根")
    root = stranger.authorize(stranger)
    refused(root, PKI.trusted, "unknown_issuer", "self-signed")
    refused(stranger.issue(PKI.card), PKI.trusted, "unknown_issuer", "陌生根")


def test_an_authority_of_the_same_name_with_another_key() -> None:
    impostor = Party(PKI.operating.name, provider().generate())
    refused(impostor.issue(PKI.card), PKI.trusted, "unknown_issuer", "has another key")


def without_authority_key(certificate: Certificate, signer: Party) -> Certificate:
    """The same without the extension that names the issuer's key."""
    oid, none = bytes.fromhex("0603551D23"), bytes.fromhex("0603551D63")
    return Certificate.parse(
        resigned(signer, certificate, lambda content: content.replace(oid, none))
    )


def test_a_signature_of_another_key() -> None:
    impostor = Party(PKI.operating.name, provider().generate())
    card = without_authority_key(CARD, impostor)
    error = refused(card, PKI.trusted, "signature", "not signed with the key of")
    assert "测试运营 CA" in error.what.zh


def test_an_altered_card() -> None:
    card = Certificate.parse(altered(CARD, b"A00000017", b"A00000018"))
    refused(card, PKI.trusted, "signature", "not signed")


def test_an_altered_authority() -> None:
    operating = Certificate.parse(altered(OPERATING, b"360101000000Z", b"370101000000Z"))
    refused(CARD, (ROOT, operating), "signature", "not signed")


def test_an_altered_root() -> None:
    root = Certificate.parse(altered(ROOT, b"360101000000Z", b"370101000000Z"))
    refused(CARD, (root, OPERATING), "signature", "not signed by itself")


def test_of_two_authorities_with_one_name_the_right_one_is_found() -> None:
    other = Party(PKI.operating.name, provider().generate())
    card = without_authority_key(CARD, PKI.operating)
    twin = without_authority_key(PKI.root.authorize(other), PKI.root)
    assert chain(card, (twin, *PKI.trusted), AT) == (card, OPERATING, ROOT)


def test_of_two_authorities_with_one_name_the_one_that_signed_is_blamed() -> None:
    other = Party(PKI.operating.name, provider().generate())
    card = without_authority_key(CARD, PKI.operating)
    expired = PKI.root.authorize(PKI.operating, not_after=AT - SECOND)
    for trusted in ((PKI.root.authorize(other), expired), (expired, PKI.root.authorize(other))):
        refused(card, (*trusted, ROOT), "expired", "expired on")


def test_another_identifier_of_the_signer() -> None:
    root = PKI.root
    signer = Signer(root.name, root.pair.public, root.sign, user_id=b"1111222233334444")
    own = root.authorize(root, signer=signer)
    assert chain(own, (own,), AT, user_id=b"1111222233334444") == (own,)
    refused(own, (own,), "signature", "not signed by itself")


def test_a_card_is_no_authority() -> None:
    below = PKI.card.issue(Party.new("下级"))
    refused(below, (*PKI.trusted, CARD), "authority", f"number {CARD.number} .* no authority's")


def test_an_authority_that_may_not_sign_certificates() -> None:
    operating = PKI.root.authorize(PKI.operating, key_usage=("crl_sign", "digital_signature"))
    refused(CARD, (ROOT, operating), "authority", "key usage")


def test_an_authority_without_key_usage_is_not_restricted() -> None:
    operating = PKI.root.authorize(PKI.operating, key_usage=())
    assert chain(CARD, (ROOT, operating), AT) == (CARD, operating, ROOT)


def tiers(count: int, limit: int | None) -> tuple[Certificate, ...]:
    """A card, ``count`` authorities and a root that allows ``limit`` below it."""
    top = Party.new("顶")
    above, certificates = top, [top.authorize(top, path_length=limit)]
    for number in range(count):
        party = Party.new(f"第 {number} 级")
        certificates.insert(0, above.authorize(party))
        above = party
    return (above.issue(PKI.card), *certificates)


@pytest.mark.parametrize(("count", "limit"), [(0, 0), (1, 1), (2, 3), (3, None), (6, None)])
def test_a_path_length_that_is_kept(count: int, limit: int | None) -> None:
    certificates = tiers(count, limit)
    assert chain(certificates[0], certificates[1:], AT) == certificates


@pytest.mark.parametrize(("count", "limit"), [(1, 0), (3, 2)])
def test_a_path_length_that_is_exceeded(count: int, limit: int) -> None:
    card, *trusted = tiers(count, limit)
    refused(card, tuple(trusted), "authority", f"allows {limit} authorities below it")


def test_a_chain_does_not_grow_without_end() -> None:
    card, *trusted = tiers(7, None)
    refused(card, tuple(trusted), "authority", "more than 8 certificates")


def test_authorities_that_vouch_for_each_other_lead_nowhere() -> None:
    one, other = Party.new("甲"), Party.new("乙")
    trusted = (one.authorize(other), other.authorize(one))
    refused(one.issue(PKI.card), trusted, "unknown_issuer", "乙")


def test_a_root_that_renewed_its_key_vouches_for_the_new_one() -> None:
    new = Party(PKI.root.name, provider().generate())
    bridge = PKI.root.authorize(new)
    assert bridge.is_self_issued
    card = new.issue(PKI.card)
    assert chain(card, (bridge, ROOT), AT) == (card, bridge, ROOT)


def test_the_names_of_issuer_and_subject_may_differ_in_form() -> None:
    upper = DistinguishedName.of(("C", "CN"), ("O", "Test  Body"), ("CN", "Root ca"))
    lower = DistinguishedName.of(("C", "CN"), ("O", "test body"), ("CN", "ROOT CA"))
    pair = provider().generate()
    own, writes = Party(lower, pair), Party(upper, pair)
    root = own.authorize(own)
    card = writes.issue(PKI.card)
    assert chain(card, (root,), AT) == (card, root)


@pytest.mark.parametrize("member", ["card", "authority"])
def test_an_unknown_critical_extension(member: str) -> None:
    odd = Extension("1.2.156.2316.77", b"?", critical=True)
    card = PKI.operating.issue(PKI.card, others=(odd,)) if member == "card" else CARD
    operating = PKI.root.authorize(PKI.operating, others=(odd,) if member != "card" else ())
    refused(card, (ROOT, operating), "extension", r"1\.2\.156\.2316\.77")


def test_an_unknown_extension_that_is_not_critical_is_passed_over() -> None:
    card = PKI.operating.issue(PKI.card, others=(Extension("1.2.156.2316.77", b"?"),))
    assert chain(card, PKI.trusted, AT)[0] == card


def test_a_name_from_outside_steers_no_terminal() -> None:
    from sscard_ic.codec.tlv import encode_ber

    common_name = encode_ber(0x0C, b"\x1b[2J\nCA")
    attribute = encode_ber(0x30, bytes.fromhex("0603550403"), common_name)
    name = DistinguishedName.read(encode_ber(0x30, encode_ber(0x31, attribute)))
    issuer = Party(name, provider().generate())
    error = refused(issuer.issue(PKI.card), PKI.trusted, "unknown_issuer", "not trusted")
    assert "\x1b" not in str(error)
    assert "\nCA" not in str(error)


def test_a_moment_without_a_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zone"):
        chain(CARD, PKI.trusted, datetime(2030, 1, 1))


def test_authorities_are_verified_once_for_many_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [PKI.operating.issue(PKI.card) for _ in range(5)]
    chain(CARD, PKI.trusted, AT)
    asked: list[bytes] = []
    real = Certificate.is_signed_by

    def counted(self: Certificate, public: bytes, user_id: bytes = b"1234567812345678") -> bool:
        asked.append(self.der)
        return real(self, public, user_id)

    monkeypatch.setattr(Certificate, "is_signed_by", counted)
    for card in cards:
        fresh = tuple(Certificate.parse(one.der) for one in PKI.trusted)
        chain(Certificate.parse(card.der), fresh, AT)
    assert asked == [card.der for card in cards]
