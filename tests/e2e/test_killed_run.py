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
from tests.support.proofs import STEPS, assert_all_made_once

from sscard_ic.card import CertificateApplication, SocialSecurityCard
from sscard_ic.codec.text import decode_an
from sscard_ic.crypto.certificates import Certificate
from sscard_ic.issuance.prepare import prepare_batch
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.ledger import Ledger, Step
from sscard_ic.profile import load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_blank, open_virtual

CARDS = 100
KILLS = 50
CERTIFIED = 6
CERTIFIED_KILLS = 8
LONGEST_LIFE = 1000
"""Lines of the trace; a card takes about 800 of them, so that every step meets its kills and the
cards cannot be made before the kills are."""

SEED = 20261121


def test_killed_fifty_times_every_card_is_made_once(tmp_path: Path) -> None:
    vault = make_vault(tmp_path)
    batch = made_with_kills(tmp_path, vault, "dalian", CARDS, KILLS)
    with open_ledger(tmp_path / "ledger.db", vault) as ledger:
        assert_all_made_once(ledger, batch, CARDS)
        assert_cards_correct(tmp_path, ledger, vault, batch)


def test_killed_cards_with_certificates_are_made_once(tmp_path: Path) -> None:
    """Each bears the certificates that the ledger has, whenever the program died."""
    vault = make_vault(tmp_path)
    batch = made_with_kills(tmp_path, vault, "urumqi", CERTIFIED, CERTIFIED_KILLS)
    with open_ledger(tmp_path / "ledger.db", vault) as ledger:
        assert_all_made_once(ledger, batch, CERTIFIED, (*STEPS, Step.REQUEST, Step.CERTIFY))
        assert_certified(tmp_path, ledger, batch)


def made_with_kills(folder: Path, vault: SoftwareVault, region: str, cards: int, kills: int) -> str:
    """A batch of cards, killed at random and continued each time; its name."""
    profile = load(region)
    for _ in range(cards):
        new_blank(profile, folder / "deck")
    with open_ledger(folder / "ledger.db", vault) as ledger:
        batch = import_rows(ledger, profile, folder, cards)
        prepare_batch(ledger, batch, profile, vault)
    chance = random.Random(SEED)
    for _ in range(kills):
        life = chance.randrange(LONGEST_LIFE)
        assert run_and_kill(folder, batch, region, life) == -signal.SIGKILL
    assert run_and_kill(folder, batch, region, None) == 0
    return batch


def run_and_kill(folder: Path, batch: str, region: str, life: int | None) -> int | None:
    """One run, killed after ``life`` lines of its trace; the exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.kill_target"])
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=run_station, args=(folder, batch, region, there))
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


def assert_certified(folder: Path, ledger: Ledger, batch: str) -> None:
    model = load("urumqi").structure.certificates
    assert model is not None
    images = sorted((folder / "deck" / "good").glob("*.img"))
    assert len(images) == CERTIFIED
    by_chip = {card.chip_serial: card for card in ledger.cards_of(batch)}
    for image in images:
        card = by_chip[bytes.fromhex(image.stem)]
        stored = ledger.grant(card.id)
        assert stored is not None
        grant = CertificateGrant.from_json(stored)
        session = open_session(open_virtual(image))
        application = CertificateApplication(session, model)
        der = application.certificate("signature")
        assert der == grant.signature_certificate
        certificate = Certificate.parse(der)
        assert certificate.public == application.public_key("signature")
        assert certificate.common_name == sample_row("urumqi", card.row)["AAC003"]
        assert application.accepts_pin("admin", CertificatePin(grant.admin_pin))
        session.close()
