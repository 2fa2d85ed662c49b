"""A site with real keys for tests of the ceremony at the terminal."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from click.testing import CliRunner, Result

from sscard_ic.base import Secret
from sscard_ic.cli import root
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.hierarchy import check_value
from sscard_ic.keys.inventory import Environment, KeyInfo, RootAlgorithm
from sscard_ic.ledger import AuditEntry, Ledger, operators

PASSPHRASE = secrets.token_hex(12)
PASSWORDS = {name: secrets.token_hex(8) for name in ("wang", "li", "zhao")}
"""Two custodians and a supervisor."""


def build(folder: Path, environment: Environment, custodians: tuple[str, ...]) -> Path:
    """A home with an empty vault, the custodians and the supervisor zhao."""
    folder.mkdir()
    SoftwareVault.create(
        folder / "vault.json", Secret(PASSPHRASE.encode()), environment=environment
    ).close()
    # Passwords that cost little to try: what they cost is tested elsewhere.
    cheap = mock.patch.object(operators, "SCRYPT", operators.Scrypt(16, 8, 1))
    with cheap, Ledger.open(folder / "ledger.db") as ledger:
        ledger.operators.add("zhao", ("supervisor",), password("zhao"), first=True)
        for name in custodians:
            ledger.operators.add(name, ("custodian",), password(name))
    return folder


def password(name: str) -> Secret:
    return Secret(PASSWORDS[name].encode())


@dataclass(frozen=True)
class Component:
    """A random part of a key."""

    value: bytes
    algorithm: RootAlgorithm

    @classmethod
    def new(cls, algorithm: RootAlgorithm = "3des") -> Component:
        length = {"des": 8, "aes": 32}.get(algorithm, 16)
        return cls(secrets.token_bytes(length), algorithm)

    @property
    def digits(self) -> str:
        return self.value.hex().upper()

    @property
    def check_value(self) -> str:
        return check_value(self.algorithm, Secret(self.value)).hex().upper()

    def __xor__(self, other: Component) -> Component:
        joined = bytes(a ^ b for a, b in zip(self.value, other.value, strict=True))
        return Component(joined, self.algorithm)


class Home:
    """A home folder, and the commands run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            "SSCARD_HOME": str(folder),
            "SSCARD_PASSPHRASE": PASSPHRASE,
            "SSCARD_LANG": "en",
            "COLUMNS": "200",
        }

    def copy(self, folder: Path) -> Home:
        return Home(Path(shutil.copytree(self.folder, folder)))

    @property
    def vault_file(self) -> Path:
        return self.folder / "vault.json"

    def run(self, *arguments: str, typed: tuple[str, ...] = (), **env: str) -> Result:
        text = "".join(f"{line}\n" for line in typed)
        return CliRunner(env={**self.env, **env}).invoke(root, ["keys", *arguments], input=text)

    def vault(self, passphrase: str = PASSPHRASE) -> SoftwareVault:
        return SoftwareVault.open(self.vault_file, Secret(passphrase.encode()))

    def held(self) -> list[KeyInfo]:
        vault = self.vault()
        listed = list(vault.keys())
        vault.close()
        return listed

    def audit(self) -> list[AuditEntry]:
        with Ledger.open(self.folder / "ledger.db") as ledger:
            return list(ledger.audit.entries())

    def deeds(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Action, outcome and actors of every deed with keys."""
        events = [entry.event for entry in self.audit()]
        return [
            (event.action, event.outcome, event.actors)
            for event in events
            if event.action.startswith(("key.", "vault."))
        ]


def signed_in(name: str) -> tuple[str, ...]:
    """What ``name`` types to sign in."""
    return name, PASSWORDS[name]


def typed_part(component: Component, carrier: str) -> tuple[str, ...]:
    """What a custodian types of a part."""
    return carrier, component.digits, component.check_value
