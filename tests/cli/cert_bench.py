"""A third-generation card in an image, a home with the vault of its keys, and ``sscard cert``."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from tests.support.plant import PASSPHRASE, make_vault

from sscard_ic.cli import root
from sscard_ic.hosts.authority_answers import grant_answer
from sscard_ic.hosts.authority_requests import decode_request
from sscard_ic.hosts.certificate_authority import CertificateAuthority
from sscard_ic.hosts.certificate_settings import AnswerForm, RequestForm
from sscard_ic.issuance.certificate_locks import CardLock
from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import Ledger
from sscard_ic.lifecycle.kept_grants import FileOfGrant, GrantPlace, KeptGrant, LedgerGrant
from sscard_ic.profile import CardProfile, load
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.simulator import describe_image

USER_PIN, ADMIN_PIN = "123456", "12345678"
CONTROL_KEY = "00112233445566778899AABBCCDDEEFF"
"""Published values of new cards (ref 02 §8.1, 05 §4.4)."""
DISTID = "distid:1234567812345678"


@dataclass(frozen=True)
class CertBench:
    """One card and one home; commands answer in English."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def image(self) -> Path:
        return self.folder / "card.img"

    @property
    def env(self) -> dict[str, str]:
        return {
            "SSCARD_HOME": str(self.home),
            "SSCARD_PASSPHRASE": PASSPHRASE.reveal().decode(),
            "SSCARD_LANG": "en",
            "SSCARD_PIN": USER_PIN,
            "SSCARD_READER": f"virtual:{self.image}",
        }

    def sscard(self, *words: str, keyboard: str | None = None, **env: str | None) -> Result:
        """Any command; None takes a variable away."""
        merged: Mapping[str, str | None] = {**self.env, **env}
        return CliRunner(env=merged).invoke(root, list(words), input=keyboard)

    def run(self, *words: str, keyboard: str | None = None, **env: str | None) -> Result:
        """``sscard cert …`` at the card."""
        return self.sscard("cert", *words, keyboard=keyboard, **env)

    def done(self, *words: str, **env: str | None) -> dict[str, Any]:
        """The JSON of a command that succeeds."""
        result = self.run(*words, "--json", **env)
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def error(self, *words: str, **env: str | None) -> dict[str, Any]:
        """The error of a command that fails."""
        result = self.run(*words, "--json", **env)
        assert result.exit_code == 1, result.output
        found: dict[str, Any] = json.loads(result.stdout)["error"]
        return found

    def fault(self, *words: str) -> None:
        """``sscard sim fault`` for the card."""
        result = self.sscard("sim", "fault", str(self.image), *words)
        assert result.exit_code == 0, result.output

    def tries(self) -> dict[str, int]:
        """Tries left of PINs and control keys."""
        description = describe_image(self.image).certificates
        assert description is not None
        return {each.name: each.left for each in description.tries}

    def kept(self) -> list[Path]:
        """The sealed files of grants."""
        return sorted((self.home / "certificates").glob("*"))

    def grant(self) -> KeptGrant:
        """What the ledger, or the sealed file, holds for the card."""
        vault = SoftwareVault.open(self.home / "vault.json", PASSPHRASE)
        with closing(vault), ExitStack() as stack:
            place: GrantPlace
            if self.kept():
                place = FileOfGrant(self.kept()[0], vault.sealer())
            else:
                path = self.home / "ledger.db"
                ledger = stack.enter_context(Ledger.open(path, vault.sealer(), vault))
                [card] = ledger.cards_of(ledger.batches()[0].name)
                place = LedgerGrant(ledger, card)
            found = place.find()
        assert found is not None
        return found

    def secrets(self) -> tuple[str, str]:
        """Administrator PIN and control key that are kept, as people write them."""
        lock = CardLock.of(self.grant().grant)
        return lock.admin_pin.value.reveal().hex(), lock.control_key.value.reveal().hex().upper()

    def path(self, name: str, content: bytes | str | None = None) -> Path:
        """A file of the test."""
        path = self.folder / name
        if content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def request(self) -> Path:
        """The request of the card, as a file."""
        path = self.path("request.json")
        assert self.run("request", "--keys", "--out", str(path)).exit_code == 0
        return path

    def answer(self, authority: CertificateAuthority, name: str = "answer.json") -> Path:
        """What an authority answers to the request of the card, as a file."""
        request = decode_request(self.request().read_bytes(), RequestForm())
        assert request is not None
        grant = authority.register(request)
        return self.path(name, grant_answer(grant, AnswerForm()).reveal())

    def copy(self, folder: Path) -> CertBench:
        """The same card and home in another place."""
        shutil.copytree(self.folder, folder)
        return CertBench(folder)


def make_bench(folder: Path, profile: CardProfile | None = None) -> CertBench:
    """A finished card without certificates, of the sample of Urumqi."""
    region = profile or load("urumqi")
    bench = CertBench(folder)
    bench.home.mkdir(parents=True)
    make_vault(bench.home).close()
    bare = region.structure.model_copy(update={"certificate_application": "none"})
    new_blank(region, folder).rename(bench.image)
    card = open_virtual(bench.image)
    try:
        SpecimenMaker(replace(region, structure=bare)).make(open_session(card))
    finally:
        card.close()
    return bench


def openssl(*words: str | Path, given: bytes = b"") -> bytes:
    """What Debian's ``openssl`` prints; it must agree."""
    arguments: Sequence[str] = [str(word) for word in words]
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout + done.stderr
