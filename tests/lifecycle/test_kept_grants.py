"""What is kept of a grant: sealed, whole, and bound to its card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.certificate_requests import request_for

from sscard_ic.base.errors import SscardError
from sscard_ic.base.secret import Secret
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.issuance.certificate_locks import CardLock, KnownLock, KnownLocks
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey
from sscard_ic.keys.sealer import StorageSealer
from sscard_ic.lifecycle.kept_grants import FileOfGrant, KeptGrant, grant_file

SERIAL = bytes.fromhex("650117000001")
OLD = CardLock(CertificatePin.of("12345678"), ControlKey(Secret(bytes(16))))
OLDER = CardLock(CertificatePin.of("24681012"), ControlKey(Secret(bytes(15) + b"\x01")))
KNOWN = KnownLocks.of([OLD, OLDER])
PINS = (OLD.admin_pin.value, OLDER.admin_pin.value)


@pytest.fixture(scope="module")
def grant() -> CertificateGrant:
    return TestAuthority().register(request_for())


@pytest.fixture
def place(tmp_path: Path) -> FileOfGrant:
    path = grant_file(tmp_path / "below" / "certificates", SERIAL)
    return FileOfGrant(path, StorageSealer(Secret(bytes(32))))


def test_nothing_is_kept_at_first(place: FileOfGrant) -> None:
    assert place.find() is None


def test_it_comes_back_as_it_was(place: FileOfGrant, grant: CertificateGrant) -> None:
    for kept in (
        KeptGrant(grant, KNOWN),
        KeptGrant(grant, KNOWN.changed("admin_pin", KnownLock(KNOWN.admin_pin.values, PINS, 3))),
        KeptGrant.whole(grant),
    ):
        place.keep(kept)
        assert place.find() == kept
    assert place.path.name == "650117000001.grant"
    assert place.path.stat().st_mode & 0o777 == 0o600


def test_what_a_station_stored_is_loaded(grant: CertificateGrant) -> None:
    assert KeptGrant.from_json(grant.to_json()) == KeptGrant.whole(grant)


def test_pins_and_keys_are_known_apart() -> None:
    """A lock that differs in its key alone brings no PIN to be tried once more."""
    other = CardLock(OLD.admin_pin, OLDER.control_key)
    known = KnownLocks.of([OLD, other, OLD])
    assert known.admin_pin.candidates == (OLD.admin_pin.value,)
    keys = (OLD.control_key.value, OLDER.control_key.value)
    assert known.application.candidates == known.environment.candidates == keys


def test_what_was_refused_is_no_candidate_and_what_is_said_comes_first() -> None:
    known = KNOWN.changed("admin_pin", KnownLock(KNOWN.admin_pin.values, PINS[:1], 5))
    assert known.admin_pin.candidates == PINS[1:]
    assert not known.admin_pin.is_lost
    stated = known.stating(CertificatePin.of("11223344"), OLDER.control_key)
    assert stated.admin_pin.candidates == (Secret(bytes.fromhex("11223344")), *PINS[1:])
    assert stated.environment.candidates[0] == OLDER.control_key.value
    assert known.stating(OLD.admin_pin, None).admin_pin.candidates == PINS[1:], "refused before"


def test_what_is_done_is_locked_with_what_it_brought(grant: CertificateGrant) -> None:
    own = CardLock.of(grant)
    done = KeptGrant(grant, KNOWN).done()
    assert done.loaded
    assert done.locks == KnownLocks.of([own])


def test_of_another_card_or_altered(place: FileOfGrant, grant: CertificateGrant) -> None:
    place.keep(KeptGrant(grant, KNOWN))
    sealed = place.path.read_bytes()
    other = replace(place, path=place.path.with_name("650117000002.grant"))
    other.path.write_bytes(sealed)
    with pytest.raises(SscardError) as caught:
        other.find()
    assert caught.value.where == str(other.path)
    place.path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(SscardError):
        place.find()


def test_it_does_not_show_itself(grant: CertificateGrant) -> None:
    kept = KeptGrant(grant, KNOWN)
    shown = repr(kept) + repr(kept.locks)
    assert grant.control_key.reveal().hex() not in shown
    assert grant.admin_pin.reveal().hex() not in shown
    assert "12345678" not in shown
