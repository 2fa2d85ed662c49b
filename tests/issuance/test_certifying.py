"""Certificates into a virtual card: asked for, loaded, loaded again, proved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from tests.support.plant import CLOCK, FACTORY_SERIAL
from tests.support.watched_authority import WatchedAuthority
from tests.support.wrong_authorities import WrongAuthority

from sscard_ic.base import CardError, Text
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card import CertificateApplication
from sscard_ic.card.certificate_commands import ControlKeyRefused, Place, WrongCertificatePin
from sscard_ic.crypto.certificates import Certificate, CertificateError
from sscard_ic.issuance.certificate_locks import KnownLocks, LockSearch
from sscard_ic.issuance.certifying import (
    CardLock,
    CertificateHolder,
    OtherKey,
    WrongGrant,
    check_certificates,
    load_grant,
    request_grant,
    trusted_by,
)
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey
from sscard_ic.lifecycle.certificates import ask_card
from sscard_ic.profile import CardProfile, load
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.certificate import CertificateRules, Condition
from sscard_ic.reader import Connection, Tally, open_session
from sscard_ic.reader.errors import ReaderError
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import Chip, blank

HOLDER = CertificateHolder("张三", "D2143569X", "11010519491231002X", "650100")
FULL = 6
"""Tries of every PIN and key."""


@dataclass
class Bench:
    """A chip with the application, and the authority."""

    profile: CardProfile
    chip: Chip
    authority: WatchedAuthority

    @property
    def model(self) -> Model:
        model = self.profile.structure.certificates
        assert model is not None
        return model

    def open(self) -> CertificateApplication:
        """The application on a fresh power-up."""
        self.tally = Tally()
        session = open_session(VirtualConnection(self.chip), tally=self.tally)
        return CertificateApplication(session, self.model)

    def request(
        self, user_pin: CertificatePin | None = None, *, again: bool = False
    ) -> CertificateGrant:
        return request_grant(
            self.open(),
            self.authority,
            HOLDER,
            self.model,
            card="65010000000001",
            at=CLOCK.now(),
            again=again,
            user_pin=user_pin,
        )

    def load(self, grant: CertificateGrant, **how: object) -> int:
        """Load a grant; the exchanges it took."""
        load_grant(self.open(), self.model, grant, **how)  # type: ignore[arg-type]
        return self.tally.exchanges

    def check(self, grant: CertificateGrant, user_pin: CertificatePin | None = None) -> int:
        """CHECK_CERT; the exchanges it took."""
        report = check_certificates(
            self.open(),
            self.model,
            HOLDER,
            trusted_by(self.authority),
            CLOCK.now(),
            grant,
            user_pin=user_pin,
        )
        assert report.signature.der == grant.signature_certificate
        assert report.encryption.der == grant.encryption_certificate
        return self.tally.exchanges

    def tries(self) -> set[object]:
        state = self.chip.persistent_state()
        counters = [path for path in state if path.endswith("/tries")]
        return {state[path] for path in counters if path.startswith("certificate/")}

    def essence(self) -> dict[str, object]:
        """What the application holds, counters apart."""
        state = self.chip.persistent_state()
        return {
            path: value
            for path, value in state.items()
            if path.startswith("certificate/") and not path.endswith("/tries")
        }


def bench_of(**changes: object) -> Bench:
    """A blank chip whose application has other rules and settings."""
    profile = load("urumqi")
    model = profile.structure.certificates
    assert model is not None
    for name, fields in changes.items():
        assert isinstance(fields, dict)
        part = getattr(model, name).model_copy(update=fields)
        model = model.model_copy(update={name: part})
    structure = profile.structure.model_copy(update={"certificate": model})
    profile = replace(profile, structure=structure)
    return Bench(profile, blank(profile, FACTORY_SERIAL), WatchedAuthority())


@pytest.fixture
def bench() -> Bench:
    return bench_of()


def test_a_card_gets_what_it_was_granted(bench: Bench) -> None:
    grant = bench.request()
    (request,) = bench.authority.requests
    assert (request.name, request.region) == ("张三", "650100")
    assert re.fullmatch("65010000000001[0-9A-F]{16}", request.reference)
    assert grant == bench.authority.grants[0]
    bench.load(grant)
    assert bench.open().public_key("signature") == request.public_key
    held = bench.essence()
    assert held["certificate/pins/admin"] == grant.admin_pin.reveal().hex().upper()
    for place in ("application", "environment"):
        assert held[f"certificate/keys/{place}"] == grant.control_key.reveal().hex().upper()
    assert held["certificate/pins/user"] == "123456"
    bench.check(grant)
    assert bench.tries() == {FULL}


def test_loading_again_changes_nothing_and_costs_no_try(bench: Bench) -> None:
    grant = bench.request()
    once = bench.load(grant)
    before = bench.essence()
    again = bench.load(grant, again=True)
    assert bench.essence() == before
    assert bench.tries() == {FULL}
    assert again <= once
    bench.check(grant)


def test_a_card_that_had_nothing_yet_may_be_loaded_as_if_again(bench: Bench) -> None:
    """The try that the new PIN and the new keys cost comes back with the old ones."""
    grant = bench.request()
    bench.load(grant, again=True)
    assert bench.tries() == {FULL}
    bench.check(grant)


def test_a_loaded_card_is_not_taken_for_a_new_one(bench: Bench) -> None:
    grant = bench.request()
    bench.load(grant)
    before = bench.essence()
    with pytest.raises(WrongCertificatePin) as caught:
        bench.load(grant)
    assert caught.value.tries_left == FULL - 1
    assert bench.essence() == before


def test_a_grant_for_the_key_of_another_card(bench: Bench) -> None:
    other = bench_of().request()
    bench.request()
    before = bench.chip.persistent_state()
    with pytest.raises(OtherKey):
        bench.load(other)
    assert bench.chip.persistent_state() == before


def test_a_card_without_key_is_given_no_certificates(bench: Bench) -> None:
    grant = bench_of().request()
    with pytest.raises(OtherKey):
        bench.load(grant)


def test_certificates_are_renewed_under_the_locks_of_the_earlier_ones(bench: Bench) -> None:
    first = bench.request()
    bench.load(first)
    second = bench.request()
    bench.load(second, earlier=[CardLock.of(first)])
    bench.check(second)
    assert bench.tries() == {FULL}
    third = bench.request()
    bench.load(third, again=True, earlier=[CardLock.of(first), CardLock.of(second)])
    bench.check(third)
    assert bench.tries() == {FULL}


def test_a_holder_who_has_changed_the_user_pin(bench: Bench) -> None:
    pin = CertificatePin.of("258036")
    bench.open().change_pin("user", CertificatePin.of("123456"), pin)
    with pytest.raises(WrongCertificatePin):
        bench.request()
    grant = bench.request(pin)
    bench.load(grant, user_pin=pin)
    bench.check(grant, pin)


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"admin_login": False}},
        {"rules": {"generate_key": "user_and_admin_pin", "import_key": "admin_pin"}},
        {"rules": {"update_certificate": "admin_pin"}, "settings": {"admin_login": False}},
        {"rules": {"generate_key": "free", "import_key": "free", "update_certificate": "free"}},
        {"settings": {"challenge": 8, "write_block": 250, "padded_certificate": 1020}},
        {"settings": {"change_needs_authentication": False}},
    ],
    ids=["no login", "admin generates", "admin writes", "free", "other sizes", "no proof"],
)
def test_cards_with_other_rules(changes: dict[str, dict[str, object]]) -> None:
    bench = bench_of(**changes)
    grant = bench.request()
    bench.load(grant)
    bench.load(grant, again=True)
    bench.check(grant)
    assert bench.tries() == {FULL}


def test_a_wrong_answer_says_who_gave_it_and_leaves_the_card_as_it_is(bench: Bench) -> None:
    authority = WatchedAuthority(WrongAuthority("another_person", CLOCK))
    bench.authority = authority
    with pytest.raises(WrongGrant) as caught:
        bench.request()
    assert caught.value.where == "a watched CA"
    assert "certificate/files/0018" not in bench.chip.persistent_state()


def test_certificates_of_somebody_else_on_the_card(bench: Bench) -> None:
    grant = bench.request()
    bench.load(grant)
    other = bench.request()
    application = bench.open()
    application.verify_pin("user", CertificatePin.of("123456"))
    application.write_certificate("encryption", other.encryption_certificate)
    with pytest.raises(CardError, match="signature certificate on the card is not for the key"):
        bench.check(grant)
    with pytest.raises(CardError, match="signature certificate on the card is not the one"):
        bench.check(other)


class Broken(Wrapper):
    """Answers one command with other data, as a defective chip would."""

    def __init__(self, inner: Connection, ins: int) -> None:
        super().__init__(inner)
        self._ins = ins

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else command
        answer = self.inner.transmit(command)
        return bytes(len(answer) - 2) + answer[-2:] if raw[1] == self._ins else answer


@pytest.mark.parametrize(
    ("ins", "words"),
    [
        (0x4C, "a signature by the card does not verify"),
        (0x4E, "the card does not decrypt what was enciphered"),
    ],
)
def test_private_keys_that_do_not_work(bench: Bench, ins: int, words: str) -> None:
    grant = bench.request()
    bench.load(grant)
    broken = Broken(open_session(VirtualConnection(bench.chip)), ins)
    application = CertificateApplication(broken, bench.model)
    trusted = trusted_by(bench.authority)
    with pytest.raises(CardError, match=words):
        check_certificates(application, bench.model, HOLDER, trusted, CLOCK.now(), grant)
    bench.check(grant)


def test_locks_of_a_new_card_are_found(bench: Bench) -> None:
    """Everything but one of the locks is as granted."""
    grant = bench.request()
    initial = CardLock.initial(bench.model)
    bench.load(grant)
    new = CardLock.of(grant)
    bench.open().change_pin("admin", new.admin_pin, initial.admin_pin)
    with pytest.raises(CardError, match="still takes the administrator PIN of a new card"):
        bench.check(grant)
    bench.open().change_pin("admin", initial.admin_pin, new.admin_pin)
    bench.check(grant)
    places: tuple[Place, ...] = ("environment", "application")
    for place in places:
        bench.open().replace_control_key(place, new.control_key, initial.control_key)
        with pytest.raises(CardError, match=f"certificate {place}.* still takes the control key"):
            bench.check(grant)
        bench.open().replace_control_key(place, initial.control_key, new.control_key)
    bench.check(grant)
    assert bench.tries() == {FULL}


def test_locks_that_nobody_knows_are_found(bench: Bench) -> None:
    grant = bench.request()
    bench.load(grant)
    new = CardLock.of(grant)
    lost = CardLock(CertificatePin.of("31415926"), ControlKey(Secret(b"nobody knows it!")))
    bench.open().change_pin("admin", new.admin_pin, lost.admin_pin)
    with pytest.raises(CardError, match="refuses its new administrator PIN"):
        bench.check(grant)
    bench.open().change_pin("admin", lost.admin_pin, new.admin_pin)
    bench.open().replace_control_key("environment", new.control_key, lost.control_key)
    with pytest.raises(CardError, match="refuses its new control key"):
        bench.check(grant)
    with pytest.raises(ControlKeyRefused):
        bench.load(grant, again=True)


PUBLISHED = pytest.mark.parametrize("part", ["admin_pin", "control_key"])


def published(bench: Bench, part: str) -> dict[str, Secret]:
    """A part of a grant that locks nobody out."""
    return {part: getattr(CardLock.initial(bench.model), part).value}


@PUBLISHED
def test_an_authority_that_leaves_a_published_lock(bench: Bench, part: str) -> None:
    bench.authority = WatchedAuthority(
        change=lambda grant, _: replace(grant, **published(bench, part))  # type: ignore[arg-type]
    )
    with pytest.raises(WrongGrant, match="published one of a new card") as caught:
        bench.request()
    assert caught.value.fault == "published_lock"
    assert caught.value.where == "a watched CA"


@PUBLISHED
def test_a_published_lock_is_no_lock_on_the_card_either(bench: Bench, part: str) -> None:
    grant = replace(bench.request(), **published(bench, part))  # type: ignore[arg-type]
    bench.load(grant)
    with pytest.raises(CardError, match=r"still takes the .* of a new card"):
        bench.check(grant)


CONDITIONS: tuple[Condition, ...] = ("user_pin", "admin_pin", "user_and_admin_pin")


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("rule", list(CertificateRules.model_fields))
def test_whatever_a_card_asks_for_is_verified_before(rule: str, condition: Condition) -> None:
    bench = bench_of(rules={rule: condition}, settings={"admin_login": False})
    grant = bench.request(again=True)
    assert bench.request(again=True).signature_certificate != grant.signature_certificate
    bench.load(grant, again=True)
    bench.load(grant, again=True)
    bench.check(grant)
    assert bench.tries() == {FULL}


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("rule", ["generate_key", "read_public", "read_certificate"])
def test_a_card_at_the_counter_is_asked_with_the_pins_it_wants(
    rule: str, condition: Condition
) -> None:
    bench = bench_of(rules={rule: condition})
    user = CertificatePin.of("123456")
    asked = ask_card(bench.open(), bytes(6), user, generate=True)
    assert not asked.bears_certificates
    grant = bench.request(again=True)
    assert grant.signature_certificate.count(asked.public) == 1
    bench.load(grant)
    locks = LockSearch(bench.model, KnownLocks.of([CardLock.of(grant)]))
    again = ask_card(bench.open(), bytes(6), user, generate=False, locks=locks)
    assert again.public == asked.public
    assert again.bears_certificates
    assert bench.tries() == {FULL}


def test_the_user_pin_is_verified_whatever_the_card_wants(bench: Bench) -> None:
    with pytest.raises(WrongCertificatePin):
        ask_card(bench.open(), bytes(6), CertificatePin.of("654321"), generate=True)


def test_a_key_pair_is_generated_anew_unless_it_is_for_the_same_request(bench: Bench) -> None:
    for again in (True, False, True):
        bench.request(again=again)
    first, second, third = bench.authority.requests
    assert first.public_key != second.public_key
    assert first.reference != second.reference
    assert second == third


def test_a_new_card_of_a_program_that_logs_in_for_nothing_loses_its_published_pin() -> None:
    """Loaded as if again: the card has the first administrator PIN still."""
    bench = bench_of(settings={"admin_login": False})
    grant = bench.request()
    bench.load(grant, again=True)
    bench.check(grant)
    assert bench.tries() == {FULL}


class TornAtKeys(Wrapper):
    """The power fails before a control key is replaced."""

    replaced = 0

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else command
        self.replaced += raw[:2] == b"\x84\xd4"
        if self.replaced == 2:
            raise ReaderError(Text("断电", "power cut"))
        return self.inner.transmit(command)


def test_the_application_has_its_control_key_before_the_environment(bench: Bench) -> None:
    """In the order of ref 02 §8.9."""
    grant = bench.request()
    torn = TornAtKeys(open_session(VirtualConnection(bench.chip)))
    with pytest.raises(ReaderError):
        load_grant(CertificateApplication(torn, bench.model), bench.model, grant)
    held, lock = bench.essence(), CardLock.of(grant)
    initial = CardLock.initial(bench.model)
    keys = [held[f"certificate/keys/{place}"] for place in ("application", "environment")]
    assert keys == [
        key.value.reveal().hex().upper() for key in (lock.control_key, initial.control_key)
    ]


def test_another_holder_than_that_of_the_certificates(bench: Bench) -> None:
    grant = bench.request()
    bench.load(grant)
    trusted = trusted_by(bench.authority)

    def check(holder: CertificateHolder, trusted: Sequence[Certificate], at: datetime) -> None:
        check_certificates(bench.open(), bench.model, holder, trusted, at, grant)

    with pytest.raises(WrongGrant) as other:
        check(replace(HOLDER, name="李四"), trusted, CLOCK.now())
    assert other.value.fault == "name"
    with pytest.raises(CertificateError) as unknown:
        check(HOLDER, (), CLOCK.now())
    assert unknown.value.reason == "unknown_issuer"
    with pytest.raises(CertificateError) as late:
        check(HOLDER, trusted, CLOCK.now() + timedelta(days=366 * 11))
    assert late.value.reason == "expired"
    check(HOLDER, trusted, CLOCK.now())


def test_what_a_card_is_locked_with_is_known_before_anything_is_written() -> None:
    bench = bench_of(settings={"admin_login": False})
    grant = bench.request()
    initial, lost = CardLock.initial(bench.model).admin_pin, CertificatePin.of("31415926")
    bench.open().change_pin("admin", initial, lost)
    before = bench.essence()
    with pytest.raises(CardError):
        bench.load(grant, again=True)
    assert bench.essence() == before
