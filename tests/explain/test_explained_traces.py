"""Recorded sessions of virtual cards in words: nothing in them stays unexplained."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from tests.support.plant import INITIAL_PIN, ChipSlot, authority_of, import_rows, open_ledger

from sscard_ic.apdu.trace import Damage, Event, scan
from sscard_ic.card import SocialSecurityCard
from sscard_ic.explain import Detail, Explainer, Explanation
from sscard_ic.explain.traces import explain_events
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import SoftwareVault
from sscard_ic.profile import load
from sscard_ic.reader import open_session
from sscard_ic.reader.trace import TraceWriter
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, blank

_REGIONS = ("dalian", "urumqi")
_CERTIFICATES = (
    "GENERATE KEY PAIR PKI.ADF1.0012 signature public key and PKI.ADF1.0013 signature private key",
    "VERIFY the user PIN",
    "IMPORT SESSION KEY SM4, slot 10",
    "UPDATE BINARY PKI.ADF1.0019 encryption certificate, bytes 0 to 111",
    "CHANGE PIN the admin PIN",
    "WRITE KEY the control key of PKI, a new one",
)
"""What only a card of the third generation is sent."""


def events(trace: str) -> list[Event]:
    found = list(scan(trace.encode()))
    assert not any(isinstance(event, Damage) for event in found)
    return [event for event in found if not isinstance(event, Damage)]


def explained(trace: str) -> list[Explanation]:
    return list(explain_events(events(trace), Explainer()))


def said(told: Explanation) -> Iterator[str]:
    """Every word of an explanation."""
    for text in (told.summary, told.meaning, *told.remarks):
        if text is not None:
            yield text.en
    yield from (word for part in (told.details, told.answer) for word in said_by(part))


def said_by(details: tuple[Detail, ...]) -> Iterator[str]:
    for each in details:
        yield each.name.en
        yield str(each.raw)
        yield from (text.en for text in (each.value, *each.remarks) if text is not None)
        yield from said_by(each.parts)


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, plant_vault: SoftwareVault
) -> dict[str, tuple[Chip, str]]:
    """A finished card of each region, and the trace of making it."""
    return {
        region: _make(region, tmp_path_factory.mktemp(region), plant_vault) for region in _REGIONS
    }


def _make(region: str, folder: Path, vault: SoftwareVault) -> tuple[Chip, str]:
    profile = load(region)
    chip, trace = blank(profile, bytes(5) + b"\x01"), StringIO()
    with open_ledger(folder / "ledger.db", vault) as ledger:
        batch = import_rows(ledger, profile, folder, 1)
        prepare_batch(ledger, batch, profile, vault)
        authority = authority_of(profile)
        station = Station(ChipSlot(chip), ledger, profile, vault, authority=authority, trace=trace)
        outcome = station.run(batch)
    assert outcome.good == 1
    return chip, trace.getvalue()


@pytest.mark.parametrize("region", _REGIONS)
def test_every_exchange_of_making_a_card(made: dict[str, tuple[Chip, str]], region: str) -> None:
    told = explained(made[region][1])
    assert len(told) > 300
    unexplained = [
        each.summary.en
        for each in told
        if any("unknown" in word or "not in the profile" in word for word in said(each))
    ]
    assert unexplained == []
    lines = [each.summary.en for each in told]
    for line in (
        "VERIFY TRANSPORT CODE",
        "CREATE FILE MF master file",
        "WRITE KEY a key of SSSE",
        "END PERSONALIZATION SSSE social security system environment",
        "EXTERNAL AUTHENTICATE the control key of DF01",
        "UPDATE RECORD SSSE.EF05.07 card number",
        "READ BINARY SSSE.EF08 photo → 256 bytes",
    ):
        assert line in lines
    for line in _CERTIFICATES:
        assert (line in lines) is (region == "urumqi")
    refused = [each for each in told if each.sw == 0x6982]
    assert refused
    assert all(each.meaning and "needs" in each.meaning.en for each in refused)


def _read(chip: Chip, vault: SoftwareVault, region: str, *, secrets: bool) -> str:
    """The trace of a terminal that verifies the PIN and reads everything with its keys."""
    trace = StringIO()
    writer = TraceWriter(VirtualConnection(chip), trace, with_secrets=secrets)
    card = SocialSecurityCard(open_session(writer), load(region), vault)
    card.verify_pin(INITIAL_PIN)
    reading = card.read(load(region).places)
    assert not reading.closed
    writer.close()
    return trace.getvalue()


@pytest.mark.parametrize("region", _REGIONS)
def test_what_was_read_in_clear_is_decoded(
    made: dict[str, tuple[Chip, str]], plant_vault: SoftwareVault, region: str
) -> None:
    chip = made[region][0]
    told = explained(_read(chip, plant_vault, region, secrets=True))
    words = [word for each in told for word in said(each)]
    version = {"dalian": "2.00", "urumqi": "3.00"}[region]
    for value in ("1 male", "2 female"):
        if value in words:
            break
    else:
        pytest.fail("no sex was decoded")
    assert version in words
    assert "3 adult card" in words
    assert "123456" not in "".join(words)
    assert any("presented" in word or "opens" in word for word in words)


def test_what_was_hidden_is_not_there(
    made: dict[str, tuple[Chip, str]], plant_vault: SoftwareVault
) -> None:
    trace = _read(made["dalian"][0], plant_vault, "dalian", secrets=False)
    told = explained(trace)
    by_tag = {
        record.tag: record for each in told for record in each.answer if each.place == "SSSE.EF06"
    }
    assert [record.name.en for record in by_tag.values()] == [
        "social security number",
        "name",
        "name extension",
        "sex",
        "ethnic group",
        "place of birth",
        "date of birth",
    ]
    assert all(record.value is None and record.raw.hidden for record in by_tag.values())


def test_exchanges_without_answers_and_other_sessions() -> None:
    trace = """\
# sscard trace 1
R cold 3B6D000000814842428653 ‹6 bytes›
> 00A4000002DF01
! removed 1.000
> 00B2012C00
< 6982 1.000
X
# sscard trace 1
R warm
! mute 1.000
> 00A4000002DF01
< 9000 1.000
> 00B2012C00
"""
    told = explained(trace)
    assert [each.summary.en for each in told] == [
        "cold reset → T=0, chip maker 0081 Huada",
        "SELECT DF01 public application",
        "READ RECORD SSSE.EF05.01 card identification code → the rule says: free",
        "warm reset",
        "SELECT DF01 public application",
        "READ RECORD DF01.EF05.20 household registration type",
    ]
    assert [each.sw for each in told] == [None, None, 0x6982, None, 0x9000, None]
