"""The public keys that terminals believe, as data."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from sscard_ic import profile
from sscard_ic.base.errors import InputError
from sscard_ic.crypto.pboc.authorities import AuthorityKey, checksum_of
from sscard_ic.crypto.rsa import RsaPublic
from sscard_ic.crypto.sm2 import provider
from sscard_ic.profile.payment_authorities import load_authorities

_RID = bytes.fromhex("A000000333")
_SHIPPED = Path(__file__).parents[2] / "profiles" / "authorities" / "payment.toml"

_LISTED = {  # ref 04 §6.13: bits, exponent, last year
    0x01: (1024, 3, 2009),
    0x02: (1152, 3, 2021),
    0x03: (1408, 3, 2024),
    0x04: (1984, 3, 2024),
    0x08: (1152, 3, 2030),
    0x09: (1408, 3, 2030),
    0x0A: (1024, 3, 2030),
    0x0B: (1984, 3, 2030),
    0x0C: (1152, 3, None),
    0x80: (1024, 65537, None),
    0x83: (1152, 3, None),
    0x84: (1408, 3, None),
    0x85: (1984, 3, None),
    0xAA: (1024, 3, None),
    0xF8: (1536, 3, None),
}


def test_the_keys_of_the_reference() -> None:
    keys = load_authorities()
    assert {rid for rid, _ in keys} == {_RID}
    for index, (bits, exponent, year) in _LISTED.items():
        key = keys[_RID, index]
        assert isinstance(key.public, RsaPublic)
        assert (key.public.modulus.bit_length(), key.public.exponent) == (bits, exponent)
        assert key.expires == (date(year, 12, 31) if year else None)
        assert key.kind == "rsa"
    assert keys[_RID, 0x18].kind == "sm2"
    status = Counter(keys[_RID, index].status for index in (*_LISTED, 0x18))
    assert status == {"live": 10, "test": 4, "unknown": 1, "demo": 1}


def test_published_checksums() -> None:
    keys = load_authorities()
    known = [key for key in keys.values() if key.checksum is not None]
    assert len(known) >= 14
    assert all(key.is_right for key in keys.values())
    listed = keys[_RID, 0xAA].public  # its checksum is computed only (ref 04 §6.13)
    assert isinstance(listed, RsaPublic)
    computed = checksum_of(_RID, 0xAA, listed).hex().upper()
    assert computed == "C8792ED085C8E685E7F5103C9155E0BA3B0ADD11"
    demo = keys[_RID, 0xF8].public
    assert isinstance(demo, RsaPublic)
    as_01 = checksum_of(_RID, 0x01, demo).hex().upper()
    assert as_01 == "AE5B1BF9EDD5EC92520A29BCC0427A96FFF96BBF"


def test_points_lie_on_the_curve() -> None:
    points = [key.public for key in load_authorities().values() if isinstance(key.public, bytes)]
    assert points
    for point in points:
        provider().check_public(point)


def test_when_a_key_has_expired() -> None:
    key = load_authorities()[_RID, 0x03]
    assert not key.has_expired(date(2024, 12, 31))
    assert key.has_expired(date(2025, 1, 1))
    assert not load_authorities()[_RID, 0x0C].has_expired(date(9999, 1, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('index = "02"', 'index = "01"', "index used twice: 01"),
        ("BBE9066D", "BBE9066E", "do not belong together: 01"),
        ('exponent = "010001"', 'exponent = "05"', "no public key of RSA"),
        ('C5D5A93B"', 'C5D5A93A"', "no public key of RSA"),
        ('point = "', 'modulus = "03"\npoint = "', "either modulus or point"),
        ('point = "3771', 'point = "', "shorter than 64"),
        ('rid = "A000000333"', 'rid = "A0000003"', "shorter than 5"),
        ('status = "live"', 'status = "good"', "must be one of 'live', 'test'"),
        ("expires = 2009-12-31", "expire = 2009-12-31", "unknown key"),
    ],
    ids=["twice", "checksum", "exponent", "even", "both", "point", "rid", "status", "key"],
)
def test_wrong_tables_are_refused_by_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = _SHIPPED.read_text("utf-8")
    assert old in text
    file = tmp_path / "keys.toml"
    file.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(profile.ProfileError) as caught:
        load_authorities(str(file))
    assert message in caught.value.render("en")
    assert caught.value.where.startswith(f"{file}:")


def test_another_profile_is_no_table() -> None:
    with pytest.raises(InputError, match="holds no keys of authorities") as caught:
        load_authorities("financial/debit")
    assert "authorities/payment" in caught.value.render("zh")


def test_keys_of_another_form() -> None:
    public = RsaPublic(15, 3)
    for rid, index, key in ((_RID[1:], 1, public), (_RID, 256, public), (_RID, 1, bytes(63))):
        with pytest.raises(ValueError, match=r"RID has 5 bytes|has 64 bytes"):
            AuthorityKey(rid, index, key, "test")
    assert not AuthorityKey(_RID, 1, bytes(64), "test", checksum=bytes(20)).is_right
