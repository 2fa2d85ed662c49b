"""What a certificate authority grants is as secret as a key: a card is made with random locks and
keys, broken off in between in several ways; then everything that was written is searched for them.
The card image alone may hold them, and the ledger only sealed."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.plant import SAMPLES
from tests.support.secret_office import SecretOffice, random_roots, vault_of

from sscard_ic.base import Secret
from sscard_ic.crypto import sm3
from sscard_ic.crypto.enveloped_key import EnvelopedKey
from sscard_ic.crypto.sm2 import provider
from sscard_ic.hosts.authority_server import AuthorityServer
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.ledger import Ledger
from sscard_ic.simulator import open_image

BATCH = SAMPLES["urumqi"].stem

BROKEN = """
import faulthandler, os
from sscard_ic.keys import certificate_keys
own, calls = certificate_keys.{where}, []
def broken(*arguments):
    calls.append(1)
    if len(calls) >= {after}:
        faulthandler.dump_traceback()
        {how}
    return own(*arguments)
certificate_keys.{where} = broken
from sscard_ic.cli import main
main()
"""
"""The program, but something unforeseen happens while a PIN or key of the grant is in use."""

CRASHES = {
    "raised": (BROKEN.format(where="_protected", after=1, how='raise RuntimeError("odd")'), 1),
    "aborted": (
        BROKEN.format(where="_protected", after=2, how="os.abort()"),
        -signal.SIGABRT,
    ),
}


class Keeping(TestAuthority):
    """Its grants are kept here."""

    def __init__(self) -> None:
        super().__init__()
        self.granted: list[CertificateGrant] = []

    def register(self, request: CertificateRequest) -> CertificateGrant:
        """A grant."""
        self.granted.append(super().register(request))
        return self.granted[-1]


@pytest.fixture(scope="module")
def authority() -> Keeping:
    return Keeping()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, authority: Keeping) -> Iterator[SecretOffice]:
    """After one card has been made."""
    office = SecretOffice(tmp_path_factory.mktemp("office"))
    with closing(office.watched), AuthorityServer(authority) as server:
        server.start()
        _make(office, server.url)
        _know(office, authority)
        yield office


def _make(office: SecretOffice, url: str) -> None:
    settings = f'[certificates]\nservice = "http"\n[certificates.http]\nurl = "{url}"\n'
    (office.home / "sscard.toml").write_text(f'{settings}environment = "test"\n')
    opened = vault_of(office, list(random_roots("urumqi")))
    office.watched.env["SSCARD_PASSPHRASE_FILE"] = office.file("passphrase")
    order = office.order("urumqi", 1)
    profile = office.profile("urumqi")
    office.sscard("import", "batch", "import", str(order), f"--profile={profile}", office.photos)
    folder = office.watched.folder
    run = (
        "batch",
        "run",
        BATCH,
        f"--reader=virtual:dir:{office.deck('urumqi')}",
        f"--trace={folder / 'card.trace'}",
        "--json",
    )
    for how, (program, code) in CRASHES.items():
        office.sscard(f"run-{how}", *run, program=program, code=code)
    office.sscard("run", *run, cold=True)
    office.sscard("status", "batch", "status", BATCH, "--json")
    office.sscard("return", "batch", "return", BATCH, f"--out={folder}", "--json")
    office.sscard("explain", "explain", str(folder / "card.trace"), "--brief")
    office.sscard("audit", "audit", "export", str(folder / "audit.jsonl"))
    with closing(opened()) as vault:
        office.know_cards(vault)
        with Ledger.open(office.home / "ledger.db", vault.sealer(), vault) as ledger:
            (card,) = ledger.cards_of(BATCH)
            assert ledger.grant(card.id) is not None


def _know(office: SecretOffice, authority: Keeping) -> None:
    """Everything secret of the grant, and the private keys of the card."""
    (grant,) = authority.granted
    ((_, image),) = office.images()
    chip = open_image(image)
    state = {path: str(value) for path, value in chip.persistent_state().items()}
    chip.close()
    private = Secret(bytes.fromhex(state["certificate/files/0013"]))
    envelope = EnvelopedKey.parse(grant.wrapped_key)
    office.know(
        {
            "control key": grant.control_key.reveal(),
            "key of the administrator PIN": sm3.digest(grant.admin_pin.reveal())[:16],
            "signature private key": private.reveal(),
            "encryption private key": envelope.open(private).private.reveal(),
            "session key": provider().decrypt(private, envelope.cipher).reveal(),
        }
    )


def test_nothing_of_a_grant_is_found(office: SecretOffice) -> None:
    assert office.search().found_in(office.watched.written()) == {}


def test_the_digits_of_the_administrator_pin_are_nowhere(
    office: SecretOffice, authority: Keeping
) -> None:
    """Eight digits are too few to look for in every form: as they are written, in one piece."""
    pin = authority.granted[0].admin_pin.reveal().hex().encode()
    assert [path for path in office.watched.written() if pin in path.read_bytes()] == []


def test_the_card_does_hold_it(office: SecretOffice) -> None:
    ((_, image),) = office.images()
    found = {words.split(" as ")[0] for words in office.search().found(image.read_bytes())}
    assert {
        "control key",
        "signature private key",
        "encryption private key",
    } <= found


def test_what_was_looked_at(office: SecretOffice) -> None:
    """Traces, the ledger with its journal, tracebacks, and the settings that name the authority."""
    files = office.watched.written()
    names = {path.name for path in files}
    assert {"card.trace", "ledger.db", "audit.jsonl", "sscard.toml"} <= names
    shown = "".join(path.read_text(errors="replace") for path in files if path.suffix == ".stderr")
    assert "RuntimeError: odd" in shown
    assert "Fatal Python error: Aborted" in shown
    trace = (office.watched.folder / "card.trace").read_text(encoding="utf-8")
    assert "> 84D40100 ‹36 bytes›" in trace
    assert "> 845E0100 ‹" in trace


def test_a_leak_would_be_found(office: SecretOffice, tmp_path: Path) -> None:
    name = secrets.choice(["control key", "encryption private key", "session key"])
    leak = tmp_path / "leak"
    leak.write_text(f"grant {office.keys[name].hex()}\n")
    (found,) = office.search().found_in([leak]).values()
    assert {words.split(" as ")[0] for words in found} == {name}
