"""Stations whose cards bear certificates: the steps, the authority that refuses or is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.certificate_bench import Bench, bears
from tests.support.plant import ChipSlot, import_rows, open_ledger, sample_row
from tests.support.profiles import only, without_certificates
from tests.support.watched_authority import WatchedAuthority, not_reached, refused
from tests.support.wrong_authorities import Fault, WrongAuthority

from sscard_ic.base import InputError, SscardError
from sscard_ic.crypto.certificates import Certificate
from sscard_ic.hosts.certificate_authority import (
    AuthorityError,
    RequestError,
)
from sscard_ic.issuance.certificate_steps import PersonRefused
from sscard_ic.issuance.outcome import MAX_REFUSED_IN_A_ROW
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import EnvironmentMismatchError, SoftwareVault
from sscard_ic.ledger import CardState, Phase, SerialState, Step
from sscard_ic.profile import load
from sscard_ic.simulator import blank

_STEPS = [
    Step.INITIALISE,
    Step.PERSONALIZE,
    Step.REQUEST,
    Step.CERTIFY,
    Step.FINISH,
    Step.VERIFY,
]


@pytest.fixture
def bench(tmp_path: Path, plant_vault: SoftwareVault) -> Iterator[Bench]:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        yield Bench(tmp_path, plant_vault, ledger, 3)


@pytest.fixture
def one(tmp_path: Path, plant_vault: SoftwareVault) -> Iterator[Bench]:
    with open_ledger(tmp_path / "ledger.db", plant_vault) as ledger:
        yield Bench(tmp_path, plant_vault, ledger, 1)


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
