"""A counter of a bank: a virtual card, a vault with its bank's keys, the commands of the bank."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from copy import copy
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from tests.support.bank_keys import bank_roots
from tests.support.debit_card import AID, debit_card

from sscard_ic.base import Secret
from sscard_ic.cli import root
from sscard_ic.keys import SoftwareVault
from sscard_ic.simulator.memory import Memory
from sscard_ic.simulator.pboc.stored import StoredDebit

WORDS = "correct horse"
PASSPHRASE = Secret(WORDS.encode())


class Desk:
    """A card, a vault with its bank's keys, and a place for accounts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        card = debit_card(folder)
        for algorithm, identifier in (("3des", "01"), ("sm4", "04")):
            told = bytes.fromhex(f"07000103000000{identifier}0A01")
            card.store.put_option("contact", algorithm, 0x9F10, told)  # type: ignore[arg-type]
        card.chip._memory.commit()
        card.chip.close()
        vault = folder / "vault.json"
        SoftwareVault.create(vault, PASSPHRASE, environment="test", keys=bank_roots()).close()

    @property
    def image(self) -> Path:
        """The card."""
        return self.folder / "debit.img"

    def spoil(self) -> None:
        """Let the card hold less than its bank believes."""
        with self.card() as card:
            card.put_element(0x9F77, bytes.fromhex("000000001000"))

    def taken_to(self, folder: Path) -> Desk:
        """A copy of everything in another place."""
        copied = copy(self)
        copied.folder = Path(shutil.copytree(self.folder, folder))
        return copied

    def run(self, *words: str, environment: Mapping[str, str] | None = None) -> Result:
        """``sscard bank`` with ``words``."""
        given = {
            "SSCARD_HOME": str(self.folder),
            "SSCARD_PASSPHRASE": WORDS,
            "SSCARD_READER": f"virtual:{self.image}",
            "SSCARD_LANG": "en",
            **(environment or {}),
        }
        return CliRunner().invoke(root, ["bank", *words], env=given)

    def told(self, *words: str, code: int = 0, **environment: str) -> dict[str, Any]:
        """What it says with ``--json``."""
        result = self.run(*words, "--json", environment=environment)
        assert result.exit_code == code, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    @contextmanager
    def card(self) -> Iterator[StoredDebit]:
        """What the card keeps, to be looked at or changed."""
        with closing(Memory.open(self.image)) as memory:
            yield StoredDebit(memory, f"bank/{AID.hex().upper()}")
            memory.commit()

    @property
    def pin(self) -> tuple[str | None, int]:
        """The offline PIN and its tries."""
        with self.card() as card:
            return card.pin, card.pin_tries

    @property
    def blocked(self) -> bool:
        """Whether the application is."""
        with self.card() as card:
            return card.blocked

    def amounts(self, *tags: int) -> list[int]:
        """Amounts on the card in fen."""
        with self.card() as card:
            return [int((card.element(tag) or b"").hex()) for tag in tags]
