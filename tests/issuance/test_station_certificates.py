"""Stations whose cards bear certificates: the steps, the authority that refuses or is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.plant import CLOCK, ChipSlot, import_rows, open_ledger, sample_row
from tests.support.profiles import only, without_certificates
from tests.support.watched_authority import WatchedAuthority, not_reached, refused
from tests.support.wrong_authorities import Fault, WrongAuthority

from sscard_ic.base import FixedClock, InputError, SscardError
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card import CertificateApplication
from sscard_ic.crypto.certificates import Certificate, CertificateError
from sscard_ic.hosts.certificate_authority import (
    AuthorityError,
    CertificateRequest,
    RequestError,
)
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.issuance.certificate_steps import PersonRefused
from sscard_ic.issuance.certifying import WrongGrant
from sscard_ic.issuance.outcome import MAX_REFUSED_IN_A_ROW, Outcome
from sscard_ic.issuance.resuming import take_up_again
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import EnvironmentMismatchError, SoftwareVault
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.ledger import Card, CardState, Ledger, Phase, SerialState, Step
from sscard_ic.ledger.tables import cards
from sscard_ic.profile import load
from sscard_ic.reader import Connection, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import Chip, blank

_STEPS = [
    Step.INITIALISE,
    Step.PERSONALIZE,
    Step.REQUEST,
    Step.CERTIFY,
    Step.FINISH,
    Step.VERIFY,
]


class Bench:
    """A ledger with a batch of small cards, an authority, and a station."""

    def __init__(self, folder: Path, vault: SoftwareVault, ledger: Ledger, rows: int) -> None:
        self.profile = only(load("urumqi"), "MF", "SSSE")
        self.vault = vault
        self.ledger = ledger
        self.authority = WatchedAuthority()
        self.batch = import_rows(ledger, self.profile, folder, rows)

    def blanks(self, count: int, first: int = 1) -> list[Chip]:
        numbers = range(first, first + count)
        return [blank(self.profile, number.to_bytes(6, "big")) for number in numbers]

    def run(
        self, slot: ChipSlot, authority: WatchedAuthority | None = None, **how: object
    ) -> Outcome:
        asked = authority or self.authority
        station = Station(slot, self.ledger, self.profile, self.vault, authority=asked)
        self.outcome = Outcome()
        return run_batch(
            [station],
            self.ledger,
            self.batch,
            self.profile,
            self.vault,
            authority=asked,
            outcome=self.outcome,
            **how,  # type: ignore[arg-type]
        )

    def card(self, row: int = 1) -> Card:
        return self.ledger.cards_of(self.batch)[row - 1]

    def granted(self, row: int = 1) -> CertificateGrant:
        stored = self.ledger.grant(self.card(row).id)
        assert stored is not None
        return CertificateGrant.from_json(stored)


@pytest.fixture
def bench(tmp_path: Path, plant_vault: SoftwareVault) -> Iterator[Bench]:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        yield Bench(tmp_path, plant_vault, ledger, 3)


@pytest.fixture
def one(tmp_path: Path, plant_vault: SoftwareVault) -> Iterator[Bench]:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        yield Bench(tmp_path, plant_vault, ledger, 1)


def bears(chip: Chip, grant: CertificateGrant) -> bool:
    """Whether the certificate application of the chip holds a grant."""
    state = {path: str(value) for path, value in chip.persistent_state().items()}
    key = grant.control_key.reveal().hex().upper()
    return (
        state["certificate/pins/admin"] == grant.admin_pin.reveal().hex().upper()
        and state["certificate/keys/application"] == state["certificate/keys/environment"] == key
        and filled(state.get("certificate/files/0018", "")) == filled(grant.signature_certificate)
        and filled(state.get("certificate/files/0019", "")) == filled(grant.encryption_certificate)
    )


def filled(content: bytes | str) -> bytes:
    """The content of a file; the memory keeps no 00 at its end."""
    data = bytes.fromhex(content) if isinstance(content, str) else content
    return data.ljust(2048, b"\x00")


def test_a_batch_becomes_cards_with_certificates(bench: Bench) -> None:
    slot = ChipSlot(*bench.blanks(3))
    outcome = bench.run(slot)
    assert (outcome.good, outcome.clean) == (3, True)
    assert bench.ledger.counts(bench.batch) == {CardState.VERIFIED: 3}
    for row, chip in enumerate(slot.good, start=1):
        grant = bench.granted(row)
        assert bears(chip, grant)
        holder = Certificate.parse(grant.signature_certificate).common_name
        assert holder == sample_row("urumqi", row)["AAC003"]
    references = [request.reference[:14] for request in bench.authority.requests]
    assert references == ["65010000000001", "65010000000002", "65010000000003"]


def test_every_step_is_journalled_before_and_after(one: Bench) -> None:
    one.run(ChipSlot(*one.blanks(1)))
    entries = one.ledger.journal_of(one.card().id)
    assert [(entry.step, entry.phase) for entry in entries] == [
        (step, phase) for step in _STEPS for phase in (Phase.BEGIN, Phase.END)
    ]
    grant = one.granted()
    signature, encryption = (
        Certificate.parse(der).number
        for der in (grant.signature_certificate, grant.encryption_certificate)
    )
    note = f"asked a watched CA: certificates {signature} and {encryption}"
    assert note in [entry.note for entry in entries]


def test_the_audit_log_says_who_was_asked(one: Bench) -> None:
    one.run(ChipSlot(*one.blanks(1)))
    (entry,) = one.ledger.audit.entries(action="batch.run")
    assert entry.event.detail["authority"] == "a watched CA"
    assert entry.event.detail["refused"] == "0"


def test_cards_without_the_application_ask_nobody(
    tmp_path: Path, plant_vault: SoftwareVault
) -> None:
    profile = without_certificates(only(load("urumqi"), "MF", "SSSE"))
    authority = WatchedAuthority()
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        batch = import_rows(ledger, profile, tmp_path, 1)
        slot = ChipSlot(blank(profile, bytes(5) + b"\x01"))
        station = Station(slot, ledger, profile, plant_vault, authority=authority)
        assert run_batch([station], ledger, batch, profile, plant_vault).good == 1
        (card,) = ledger.cards_of(batch)
        assert ledger.grant(card.id) is None
        steps = {entry.step for entry in ledger.journal_of(card.id)}
        (entry,) = ledger.audit.entries(action="batch.run")
    assert steps == {Step.INITIALISE, Step.PERSONALIZE, Step.FINISH, Step.VERIFY}
    assert "authority" not in entry.event.detail
    assert authority.requests == []


# Before the first card


def test_without_an_authority_nothing_is_begun(one: Bench) -> None:
    slot = ChipSlot(*one.blanks(1))
    with pytest.raises(InputError, match="there is no authority to ask") as caught:
        Station(slot, one.ledger, one.profile, one.vault)
    assert caught.value.hint is not None
    assert "[certificates]" in caught.value.hint.en
    with pytest.raises(InputError, match="there is no authority to ask"):
        run_batch([], one.ledger, one.batch, one.profile, one.vault)
    assert one.ledger.counts(one.batch) == {CardState.ACCEPTED: 1}


def test_an_authority_of_production_serves_no_test_cards(one: Bench) -> None:
    real = WatchedAuthority(environment="production")
    slot = ChipSlot(*one.blanks(1))
    with pytest.raises(EnvironmentMismatchError, match="issues production certificates"):
        one.run(slot, real)
    assert one.ledger.counts(one.batch) == {CardState.ACCEPTED: 1}


# The authority is away, or answers wrongly


def test_an_authority_that_is_away_ends_the_run_and_costs_nothing(bench: Bench) -> None:
    chips = bench.blanks(3)
    away = WatchedAuthority(errors=[None, not_reached()])
    slot = ChipSlot(*chips)
    with pytest.raises(AuthorityError, match="does not answer") as caught:
        bench.run(slot, away)
    assert caught.value.where == f"{bench.batch}, row 2"
    assert (bench.outcome.good, bench.outcome.failures, bench.outcome.rejected) == (1, [], [])
    assert slot.left == [chips[1]]
    assert bench.ledger.counts(bench.batch) == {
        CardState.PREPARED: 1,
        CardState.PERSONALIZED: 1,
        CardState.VERIFIED: 1,
    }
    assert bench.ledger.grant(bench.card(2).id) is None

    assert bench.run(ChipSlot(*chips[1:]), away).good == 2
    assert bench.ledger.counts(bench.batch) == {CardState.VERIFIED: 3}
    assert bench.ledger.serial_counts(bench.batch) == {SerialState.USED: 3}
    first, again = away.requests[1:3]
    assert first == again, "the authority may answer what it has answered before"


def test_an_authority_that_is_still_at_it_ends_the_run(one: Bench) -> None:
    (chip,) = one.blanks(1)
    busy = WatchedAuthority(errors=[refused("10016")])
    with pytest.raises(AuthorityError, match="it is in progress"):
        one.run(ChipSlot(chip), busy)
    assert one.card().state is CardState.PERSONALIZED
    assert one.run(ChipSlot(chip), busy).good == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("another_key", "for another public key than the card's"),
        ("another_person", "is for another person: the name differs"),
        ("another_card", "is for another person: the card number differs"),
        ("another_pair", "for another key pair than the wrapped one"),
        ("swapped", "for another public key"),
        ("expired", "expired"),
        ("not_yet_valid", "not valid"),
        ("truncated", "cut"),
        ("foreign_chain", "issuer|authority"),
    ],
)
def test_a_wrong_answer_is_told_and_nothing_of_it_is_used(
    one: Bench, fault: Fault, words: str
) -> None:
    (chip,) = one.blanks(1)
    inner = WrongAuthority(fault, one.ledger.clock)
    authority = WatchedAuthority(inner)
    slot = ChipSlot(chip)
    with pytest.raises(SscardError, match=words) as caught:
        one.run(slot, authority)
    assert caught.value.where.startswith(f"{one.batch}, row 1: a watched CA")
    assert sample_row("urumqi", 1)["AAC003"] not in caught.value.render("zh")
    assert slot.left == [chip]
    assert (one.card().state, one.ledger.grant(one.card().id)) == (CardState.PERSONALIZED, None)
    assert not any(bears(chip, grant) for grant in authority.grants if fault != "truncated")
    assert not any(path.startswith("certificate/files/0018") for path in chip.persistent_state())

    inner.faulty = False
    assert one.run(ChipSlot(chip), authority).good == 1
    assert bears(chip, one.granted())
    assert one.ledger.serial_counts(one.batch) == {SerialState.USED: 1}


# The authority refuses a person


def test_a_refused_person_fails_and_the_others_go_on(bench: Bench) -> None:
    slot = ChipSlot(*bench.blanks(3))
    outcome = bench.run(slot, WatchedAuthority(errors=[None, refused()]))
    assert (outcome.good, outcome.failures, outcome.rejected) == (2, [], [])
    ((row, error),) = outcome.refusals
    assert row == 2
    assert isinstance(error, PersonRefused)
    assert "10032" in error.what.en
    assert "social security number is wrong" in error.what.en
    assert not outcome.clean
    assert not outcome.stopped
    assert len(slot.rejected) == 1, "it bears the data of somebody who gets no card"
    failed = bench.card(2)
    assert failed.state is CardState.FAILED
    assert [reason.reason for reason in failed.reasons] == ["refused by the certificate authority"]
    assert bench.ledger.serial_counts(bench.batch) == {SerialState.SPOILT: 1, SerialState.USED: 2}
    (entry,) = bench.ledger.audit.entries(action="batch.run")
    assert (entry.event.detail["good"], entry.event.detail["refused"]) == ("2", "1")

    assert bench.ledger.reopen_failed(bench.batch) == 1
    assert bench.run(ChipSlot(*bench.blanks(1, first=9))).good == 1
    assert bench.ledger.counts(bench.batch) == {CardState.VERIFIED: 3}


def test_a_person_about_whom_no_authority_can_be_asked(one: Bench) -> None:
    """That is found before anything is sent."""
    error = RequestError("social_security_number", empty=False)
    outcome = one.run(ChipSlot(*one.blanks(1)), WatchedAuthority(errors=[error]))
    ((row, told),) = outcome.refusals
    assert (row, outcome.good) == (1, 0)
    assert "the social security number in the certificate request" in told.what.en
    assert one.card().state is CardState.FAILED


def test_person_after_person_refused_ends_the_station(
    tmp_path: Path, plant_vault: SoftwareVault
) -> None:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        bench = Bench(tmp_path, plant_vault, ledger, MAX_REFUSED_IN_A_ROW + 2)
        slot = ChipSlot(*bench.blanks(MAX_REFUSED_IN_A_ROW + 2))
        errors = [refused() for _ in range(MAX_REFUSED_IN_A_ROW + 2)]
        outcome = bench.run(slot, WatchedAuthority(errors=errors))
        assert len(outcome.refusals) == len(slot.rejected) == MAX_REFUSED_IN_A_ROW
        assert ledger.counts(bench.batch) == {
            CardState.PREPARED: 2,
            CardState.FAILED: MAX_REFUSED_IN_A_ROW,
        }
    (end,) = outcome.ends
    assert outcome.stopped
    assert "the certificate authority refused 5 persons" in end.en
    assert "证书机构连续拒绝 5 人" in end.zh


# The card is bad, or the program dies


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
