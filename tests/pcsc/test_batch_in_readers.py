"""A batch over four readers at once, while service, readers and cards fail: it ends whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

from tests.support.plant import PASSPHRASE, import_rows, make_vault, open_ledger, sample_row
from tests.support.proofs import assert_all_made_once

from sscard_ic.card import SocialSecurityCard
from sscard_ic.codec.text import decode_an
from sscard_ic.issuance.foreman import IN_WORK
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import CardState, Ledger
from sscard_ic.profile import load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.simulator import Fault, FaultFile
from sscard_ic.testing.service import PcscService, ReaderSlot

CARDS = 40
BLANKS = CARDS // 4
"""In each deck: exactly as many as there are rows, so that none may be lost."""

FAULTS = (Fault("torn-before", after=9), Fault("torn-after", after=40), Fault("removed", after=90))
"""For the first card of a deck each; so many writes, or exchanges, go well before."""

PATIENCE = 150.0
COMMAND = "from sscard_ic.cli import main; main()"


def test_forty_cards_over_four_readers_whatever_fails(
    service: PcscService,
    free_slots: Callable[[int], list[ReaderSlot]],
    removable_slots: tuple[ReaderSlot, ReaderSlot],
    tmp_path: Path,
) -> None:
    slots = [*free_slots(3), removable_slots[0]]
    vault = make_vault(tmp_path)
    decks = [filled_deck(tmp_path / f"deck-{number}") for number in range(len(slots))]
    for deck, fault in zip(decks, FAULTS, strict=False):
        FaultFile(min(deck.glob("*.img"))).order(fault)
    with open_ledger(tmp_path / "ledger.db", vault) as ledger, ExitStack() as stack:
        batch = import_rows(ledger, load("dalian"), tmp_path, CARDS)
        prepare_batch(ledger, batch, load("dalian"), vault)
        for slot, deck in zip(slots, decks, strict=True):
            stack.enter_context(deck_in_reader(slot, deck))
        run = stack.enter_context(batch_run(tmp_path, batch, slots))
        await_good(ledger, batch, 6, run)
        await_work(ledger, batch, run)
        service.kill()
        service.start()
        await_good(ledger, batch, 14, run)
        await_work(ledger, batch, run)
        service.unplug(slots[-1].name)
        await_good(ledger, batch, 20, run)
        service.plug(slots[-1].name)
        out, err = run.communicate(timeout=PATIENCE)
        assert run.returncode == 0, f"{out}\n{err}"
        report = json.loads(out)
        assert_all_made_once(ledger, batch, CARDS)
    with open_ledger(tmp_path / "ledger.db", vault) as ledger:
        assert_cards_correct(ledger, vault, batch, decks)
    assert report["good"] == CARDS
    assert [entry["reader"] for entry in report["readers"]] == [slot.name for slot in slots]
    assert all(entry["good"] for entry in report["readers"])
    # The faults were met; what was in work when service and reader left is interrupted, too.
    kinds = Counter(entry["kind"] for entry in report["interrupted"])
    assert kinds["removed"] >= len(FAULTS), report["interrupted"]
    assert not list(tmp_path.rglob("*.faults"))


def filled_deck(folder: Path) -> Path:
    for _ in range(BLANKS):
        new_blank(load("dalian"), folder)
    return folder


@contextmanager
def deck_in_reader(slot: ReaderSlot, deck: Path) -> Iterator[None]:
    """A deck that another program puts into the reader, one card after the other."""
    words = ("sim", "run", "--deck", str(deck), "--port", str(slot.port))
    with subprocess.Popen([sys.executable, "-c", COMMAND, *words], stderr=subprocess.PIPE) as hand:
        try:
            yield
        finally:
            hand.terminate()
            hand.communicate()


@contextmanager
def batch_run(folder: Path, batch: str, slots: list[ReaderSlot]) -> Iterator[subprocess.Popen[str]]:
    """``sscard batch run`` at all readers; what it prints is read in the end."""
    environment = os.environ | {
        "SSCARD_HOME": str(folder),
        "SSCARD_PASSPHRASE": PASSPHRASE.reveal().decode(),
        "SSCARD_LANG": "en",
    }
    readers = [word for slot in slots for word in ("--reader", slot.name)]
    words = ("batch", "run", batch, *readers, "--wait", "60", "--json")
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        try:
            yield run
        finally:
            run.kill()


def await_good(ledger: Ledger, batch: str, wanted: int, run: subprocess.Popen[str]) -> None:
    """Wait until so many cards are verified."""
    deadline = monotonic() + PATIENCE
    while ledger.counts(batch).get(CardState.VERIFIED, 0) < wanted:
        assert run.poll() is None, run.communicate()
        assert monotonic() < deadline, ledger.counts(batch)
        sleep(0.05)


def await_work(ledger: Ledger, batch: str, run: subprocess.Popen[str]) -> None:
    """Wait until a card is in work."""
    deadline = monotonic() + PATIENCE
    while not ledger.count(batch, IN_WORK, 1):
        assert run.poll() is None, run.communicate()
        assert monotonic() < deadline, ledger.counts(batch)


def assert_cards_correct(
    ledger: Ledger, vault: SoftwareVault, batch: str, decks: list[Path]
) -> None:
    """Every blank of the decks is the card that the ledger says it is."""
    images = [image for deck in decks for image in (deck / "done").glob("*.img")]
    images += [image for deck in decks for image in deck.glob("*.img")]
    assert len(images) == CARDS
    profile = load("dalian")
    by_chip = {card.chip_serial: card for card in ledger.cards_of(batch)}
    for image in images:
        session = open_session(open_virtual(image))
        card = SocialSecurityCard(session, profile, vault)
        card.check_authenticity()
        values = card.read_basic().values
        session.close()
        row = sample_row("dalian", by_chip[bytes.fromhex(image.stem)].row)
        assert decode_an(values["SSSE.EF05.07"]) == row["AAZ500"]
        assert decode_an(values["SSSE.EF06.08"]) == row["AAC002"]
