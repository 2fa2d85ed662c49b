"""A run of 100 cards, killed with SIGKILL 50 times at random and continued each time."""

from __future__ import annotations

import multiprocessing
import random
import signal
from pathlib import Path

from tests.support.kill_target import run_station
from tests.support.plant import (
    import_rows,
    make_vault,
    open_ledger,
    sample_row,
)
from tests.support.proofs import assert_all_made_once

from sscard_ic.card import SocialSecurityCard
from sscard_ic.codec.text import decode_an
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import Ledger
from sscard_ic.profile import load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_blank, open_virtual

CARDS = 100
KILLS = 50
LONGEST_LIFE = 1000
"""Lines of the trace; a card takes about 800 of them, so that every step meets its kills and the
cards cannot be made before the kills are."""

SEED = 20261121


def test_killed_fifty_times_every_card_is_made_once(tmp_path: Path) -> None:
    vault = make_vault(tmp_path)
    profile = load("dalian")
    for _ in range(CARDS):
        new_blank(profile, tmp_path / "deck")
    with open_ledger(tmp_path / "ledger.db", vault) as ledger:
        batch = import_rows(ledger, profile, tmp_path, CARDS)
        prepare_batch(ledger, batch, profile, vault)
    chance = random.Random(SEED)
    for _ in range(KILLS):
        assert run_and_kill(tmp_path, batch, chance.randrange(LONGEST_LIFE)) == -signal.SIGKILL
    assert run_and_kill(tmp_path, batch, None) == 0
    with open_ledger(tmp_path / "ledger.db", vault) as ledger:
        assert_all_made_once(ledger, batch, CARDS)
        assert_cards_correct(tmp_path, ledger, vault, batch)


def run_and_kill(folder: Path, batch: str, life: int | None) -> int | None:
    """One run, killed after ``life`` lines of its trace; the exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.kill_target"])
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=run_station, args=(folder, batch, "dalian", there))
    process.start()
    there.close()
    lines = 0
    while life is None or lines <= life:
        try:
            here.recv_bytes()
        except EOFError:
            break
        lines += 1
    if life is not None:
        process.kill()
    process.join()
    code = process.exitcode
    process.close()
    here.close()
    return code


def assert_cards_correct(folder: Path, ledger: Ledger, vault: SoftwareVault, batch: str) -> None:
    assert not list((folder / "deck").glob("*.img"))
    images = sorted((folder / "deck" / "good").glob("*.img"))
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
