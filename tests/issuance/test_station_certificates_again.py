"""Cards with certificates that are taken up again: spoilt blanks, dead programs, old grants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.certificate_bench import Bench, bears
from tests.support.plant import CLOCK, ChipSlot, open_ledger
from tests.support.watched_authority import WatchedAuthority, not_reached

from sscard_ic.base import FixedClock
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card import CertificateApplication
from sscard_ic.crypto.certificates import Certificate, CertificateError
from sscard_ic.hosts.certificate_authority import (
    AuthorityError,
    CertificateRequest,
)
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.issuance.certifying import WrongGrant
from sscard_ic.issuance.resuming import take_up_again
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.ledger import CardState, Ledger, Phase, SerialState, Step
from sscard_ic.ledger.tables import cards
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import Chip


@pytest.fixture
def bench(tmp_path: Path, plant_vault: SoftwareVault) -> Iterator[Bench]:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        yield Bench(tmp_path, plant_vault, ledger, 3)


@pytest.fixture
def one(tmp_path: Path, plant_vault: SoftwareVault) -> Iterator[Bench]:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        yield Bench(tmp_path, plant_vault, ledger, 1)


class Worn(Wrapper):
    """Refuses one instruction, as a worn-out chip would."""

    def __init__(self, inner: Connection, ins: int) -> None:
        super().__init__(inner)
        self._ins = ins

    def transmit(self, command: Secretive) -> bytes:
        raw = command.reveal() if isinstance(command, Secret) else command
        return b"\x65\x81" if raw[1] == self._ins else self.inner.transmit(command)


class WornSlot(ChipSlot):
    """Its first chip is worn out."""

    def __init__(self, ins: int, *chips: Chip) -> None:
        super().__init__(*chips)
        self._ins = ins
        self._bad = chips[0]

    def connect(self) -> Connection:
        connection = super().connect()
        return Worn(connection, self._ins) if self._current is self._bad else connection


@pytest.mark.parametrize(
    ("ins", "step"),
    [(0x40, Step.REQUEST), (0x4E, Step.CERTIFY), (0x5E, Step.CERTIFY), (0x4C, Step.VERIFY)],
    ids=["key pair", "key import", "PIN", "signature"],
)
def test_a_spoilt_blank_gets_its_row_another_grant(one: Bench, ins: int, step: Step) -> None:
    slot = WornSlot(ins, *one.blanks(2))
    outcome = one.run(slot)
    assert (outcome.good, len(outcome.failures), len(slot.rejected)) == (1, 1, 1)
    failed = [e for e in one.ledger.journal_of(one.card().id) if e.phase is Phase.FAILED]
    assert [entry.step for entry in failed] == [step]
    (good,) = slot.good
    asked = one.authority.requests
    assert len(asked) == (1 if step is Step.REQUEST else 2)
    assert asked[-1].reference[:14].endswith("02"), "the number of the second blank"
    assert one.granted() == one.authority.grants[-1]
    assert bears(good, one.granted())
    assert one.ledger.serial_counts(one.batch) == {SerialState.SPOILT: 1, SerialState.USED: 1}


class Killed(BaseException):
    """The program ends here."""


def killed_after(
    monkeypatch: pytest.MonkeyPatch, ledger: Ledger, method: str, step: Step | None = None
) -> None:
    """Let the program end when a method of the ledger has done its work, once."""
    own: Callable[..., object] = getattr(ledger, method)

    def dying(*values: object, **named: object) -> object:
        done = own(*values, **named)
        if step is None or step in values:
            monkeypatch.setattr(ledger, method, own)
            raise Killed
        return done

    monkeypatch.setattr(ledger, method, dying)


@pytest.mark.parametrize(
    ("method", "step", "state"),
    [
        ("store_grant", None, CardState.PERSONALIZED),
        ("complete", Step.REQUEST, CardState.GRANTED),
        ("complete", Step.CERTIFY, CardState.CERTIFIED),
    ],
)
def test_a_program_that_dies_with_a_grant_in_the_ledger_loads_that_one(
    one: Bench,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    step: Step | None,
    state: CardState,
) -> None:
    (chip,) = one.blanks(1)
    killed_after(monkeypatch, one.ledger, method, step)
    with pytest.raises(Killed):
        one.run(ChipSlot(chip))
    assert one.card().state is state
    assert len(one.authority.requests) == 1
    assert one.granted() == one.authority.grants[0]
    assert bears(chip, one.granted()) is (state is CardState.CERTIFIED)

    assert one.run(ChipSlot(chip)).good == 1
    assert len(one.authority.requests) == 1, "nobody is asked anew"
    assert bears(chip, one.authority.grants[0])
    notes = [entry.note for entry in one.ledger.journal_of(one.card().id)]
    assert any(note.startswith("granted before: certificates ") for note in notes) is (
        method == "store_grant"
    )


def test_a_card_that_a_certify_step_was_begun_on_is_asked_what_it_has(
    one: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program dies when the card has its certificates and the ledger does not know it."""
    (chip,) = one.blanks(1)
    own = one.ledger.complete

    def dying(card_id: int, step: Step, *values: object, **named: object) -> None:
        if step is Step.CERTIFY:
            raise Killed
        own(card_id, step, *values, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(one.ledger, "complete", dying)
    with pytest.raises(Killed):
        one.run(ChipSlot(chip))
    monkeypatch.undo()
    assert one.card().state is CardState.GRANTED
    assert bears(chip, one.granted())
    assert one.run(ChipSlot(chip)).good == 1
    assert bears(chip, one.granted())


@pytest.mark.parametrize("state", [CardState.PERSONALIZED, CardState.GRANTED])
def test_a_grant_that_does_not_fit_the_card_is_a_bad_card(
    one: Bench, monkeypatch: pytest.MonkeyPatch, state: CardState
) -> None:
    """Somebody has had another key pair generated on it meanwhile."""
    chip, fresh = one.blanks(2)
    if state is CardState.PERSONALIZED:
        killed_after(monkeypatch, one.ledger, "store_grant")
    else:
        killed_after(monkeypatch, one.ledger, "complete", Step.REQUEST)
    with pytest.raises(Killed):
        one.run(ChipSlot(chip))
    model = one.profile.structure.certificates
    assert model is not None
    application = CertificateApplication(open_session(VirtualConnection(chip)), model)
    application.verify_pin("user", CertificatePin.of(model.initial_user_pin))
    application.generate_key()
    slot = ChipSlot(chip, fresh)
    outcome = one.run(slot)
    ((row, error),) = outcome.failures
    assert row == 1
    assert "not that of the certificate granted for it" in error.what.en
    assert (slot.rejected, slot.good) == ([chip], [fresh])
    assert bears(fresh, one.authority.grants[-1])
    assert len(one.authority.grants) == 2


def test_a_card_whose_grant_is_known_survives_the_loss_of_its_authority(
    one: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (chip,) = one.blanks(1)
    killed_after(monkeypatch, one.ledger, "complete", Step.REQUEST)
    with pytest.raises(Killed):
        one.run(ChipSlot(chip))
    away = WatchedAuthority(errors=[not_reached() for _ in range(9)])
    assert one.run(ChipSlot(chip), away).good == 1
    assert away.requests == []


class Remembering(WatchedAuthority):
    """Answers a reference that it knows by what it answered before; its first answer is lost."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: dict[str, CertificateGrant] = {}

    def register(self, request: CertificateRequest) -> CertificateGrant:
        if request.reference in self._answers:
            return self._answers[request.reference]
        self._answers[request.reference] = super().register(request)
        raise not_reached()


def test_an_answer_that_was_lost_is_fetched_again(one: Bench) -> None:
    (chip,) = one.blanks(1)
    authority = Remembering()
    with pytest.raises(AuthorityError):
        one.run(ChipSlot(chip), authority)
    assert one.run(ChipSlot(chip), authority).good == 1
    assert len(authority.grants) == 1
    assert bears(chip, authority.grants[0])


def test_an_authority_that_leaves_the_published_lock_ends_the_run(one: Bench) -> None:
    (chip,) = one.blanks(1)
    model = one.profile.structure.certificates
    assert model is not None
    key = Secret(model.initial_control_key)
    careless = WatchedAuthority(change=lambda grant, _: replace(grant, control_key=key))
    with pytest.raises(WrongGrant, match="published one of a new card"):
        one.run(ChipSlot(chip), careless)
    assert (one.card().state, one.ledger.grant(one.card().id)) == (CardState.PERSONALIZED, None)


def test_numbers_of_the_certificates_of_a_spoilt_blank_stay_in_the_journal(one: Bench) -> None:
    """Somebody has to revoke them."""
    one.run(WornSlot(0x5E, *one.blanks(2)))
    notes = " ".join(entry.note for entry in one.ledger.journal_of(one.card().id))
    for grant in one.authority.grants:
        for der in (grant.signature_certificate, grant.encryption_certificate):
            assert Certificate.parse(der).number in notes
    assert len(one.authority.grants) == 2


def later(bench: Bench) -> WatchedAuthority:
    """Eleven years pass; the authority is still there."""
    bench.ledger.clock = FixedClock(CLOCK.now() + timedelta(days=366 * 11))
    return WatchedAuthority(TestAuthority(bench.ledger.clock))


@pytest.mark.parametrize("step", [None, Step.REQUEST])
def test_a_grant_that_expired_before_the_card_got_it_is_asked_for_anew(
    one: Bench, monkeypatch: pytest.MonkeyPatch, step: Step | None
) -> None:
    (chip,) = one.blanks(1)
    killed_after(monkeypatch, one.ledger, "complete" if step else "store_grant", step)
    with pytest.raises(Killed):
        one.run(ChipSlot(chip))
    authority = later(one)
    assert one.run(ChipSlot(chip), authority).good == 1
    assert bears(chip, authority.grants[0])
    (request,) = authority.requests
    assert request == one.authority.requests[0]
    notes = " ".join(entry.note for entry in one.ledger.journal_of(one.card().id))
    assert Certificate.parse(authority.grants[0].signature_certificate).number in notes


@pytest.mark.parametrize(
    ("dies", "state"),
    [(Step.CERTIFY, CardState.GRANTED), (Step.VERIFY, CardState.FINISHED)],
)
def test_a_grant_that_expired_in_the_card_is_told_with_what_to_do(
    one: Bench, monkeypatch: pytest.MonkeyPatch, dies: Step, state: CardState
) -> None:
    chip, fresh = one.blanks(2)
    own = one.ledger.complete

    def dying(card_id: int, step: Step, *values: object, **named: object) -> None:
        if step is dies:
            raise Killed
        own(card_id, step, *values, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(one.ledger, "complete", dying)
    with pytest.raises(Killed):
        one.run(ChipSlot(chip))
    monkeypatch.undo()
    authority = later(one)
    with pytest.raises(CertificateError, match="expired") as caught:
        one.run(ChipSlot(chip), authority)
    assert caught.value.where.startswith(f"{one.batch}, row 1: ")
    assert caught.value.hint is not None
    assert f"sscard batch run {one.batch} --lost 1" in caught.value.hint.en
    assert one.card().state is state
    assert authority.requests == []

    take_up_again(one.ledger, one.batch, lost=[1])
    assert one.run(ChipSlot(fresh), authority).good == 1


def test_a_card_that_was_finished_without_certificates_is_told(
    one: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a version of the program that did not know them."""
    old, fresh = one.blanks(2)
    killed_after(monkeypatch, one.ledger, "complete", Step.FINISH)
    with pytest.raises(Killed):
        one.run(ChipSlot(old))
    with one.ledger._database.write() as connection:
        connection.execute(sa.update(cards).values({"grant": None}))
    slot = ChipSlot(old)
    (error,) = one.run(slot).rejected
    assert "the card has no certificates" in error.what.en
    assert error.hint is not None
    assert f"sscard batch run {one.batch} --lost 1" in error.hint.en
    assert slot.rejected == [old]

    take_up_again(one.ledger, one.batch, lost=[1])
    assert one.run(ChipSlot(fresh)).good == 1
    assert bears(fresh, one.granted())
