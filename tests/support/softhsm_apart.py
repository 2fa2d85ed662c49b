"""What tests of HSMs do in a process of its own; each function tells what happened, in words."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.support.plant import CLOCK, ChipSlot, import_rows
from tests.support.softhsm import (
    USER_PIN,
    forget,
    new_token,
    open_softhsm,
    removed,
    reopen,
    softhsm_settings,
)

from sscard_ic.base import Secret
from sscard_ic.base.errors import SscardError
from sscard_ic.crypto import des
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.suites import SUITES
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.keys import CardKey, KeySpec, key_block
from sscard_ic.keys.hierarchy import RootKey, check_value
from sscard_ic.keys.inventory import KeyInfo, RootAlgorithm
from sscard_ic.keys.key_block import KeyBlock
from sscard_ic.keys.pkcs11.host import Pkcs11HostService
from sscard_ic.keys.pkcs11.inside import Pkcs11TokenService
from sscard_ic.keys.pkcs11.opening import create_service, open_service
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.ledger import Ledger
from sscard_ic.profile import load
from sscard_ic.simulator import blank

UKSSSE = KeySpec("UKSSSE", 1, "P1", "external")
TRANSPORT = KeySpec("TRANSPORT", 1, "maker", "transport")
STK = KeySpec("STK", 1, "N2", "mac", "des")
KBPK = KeySpec("KBPK", 1, "site", "wrap", "aes")


def token_taken_away() -> dict[str, str]:
    """Ask for everything while the token is away; the error of each, or what it gave."""
    service = open_softhsm([])
    label = str(service.settings.token_label)
    known = [service.generate(spec) for spec in (UKSSSE, TRANSPORT)]
    key = CardKey("UKSSSE", 1, "210200", bytes(8))
    attempts: dict[str, Callable[[], object]] = {
        "cryptogram": lambda: service.cryptogram(key, bytes(8), bytes(8)),
        "many": lambda: service.derive_many("UKSSSE", 1, "3des", "210200", bytes(800)),
        "blank": lambda: service.transport_code(bytes(6)),
        "generate": lambda: service.generate(KeySpec("IRK", 1, "N1", "internal")),
        "combine": lambda: service.combine(
            KeySpec("IRK", 1, "N1", "internal"),
            [Secret(secrets.token_bytes(16)) for _ in range(2)],
            None,
        ),
        "destroy": lambda: service.destroy("UKSSSE", 1, "3des"),
        "days": lambda: service.set_validity("UKSSSE", 1, "3des", None, None),
        "open": lambda: open_service(softhsm_settings(label), USER_PIN),
    }
    with removed(label):
        told = {name: _attempted(attempt) for name, attempt in attempts.items()}
        service.close()
    told["closed"] = _attempted(attempts["cryptogram"])
    forget()
    told["back"] = _attempted(lambda: _listed(reopen(service).keys(), known))
    return told


def native_single_des() -> dict[str, str]:
    """Keys of single DES as DES keys, where OpenSSL still has them; empty: all is right."""
    wrong: dict[str, str] = {}
    value = secrets.token_bytes(8)
    factor = secrets.token_bytes(8)
    key = CardKey("STK", 1, "210200", factor)
    for derived in ("host", "token"):
        settings = softhsm_settings(new_token(), "host" if derived == "host" else "token")
        settings = settings.model_copy(update={"single_des": "native"})
        service = create_service(settings, USER_PIN)
        parts = [secrets.token_bytes(8)]
        parts.append(bytes(a ^ b for a, b in zip(value, parts[0], strict=True)))
        service.combine(STK, [Secret(part) for part in parts], None)
        card_key = value
        for step in (b"210000sh", b"210200sx", factor):
            card_key = des.encrypt(card_key, step)
        suite = SUITES["3des"]
        assert isinstance(service, Pkcs11HostService | Pkcs11TokenService)
        found = {
            "check value": service.check_value(key) == suite.check_value(card_key),
            "mac": service.mac(key, b"some data") == suite.mac(card_key, b"some data"),
            "generated": len(service.generate(KeySpec("STK", 2, "N2", "mac", "des")).check_value)
            == 6,
            "block": _from_block(service, value),
        }
        wrong.update({f"{derived} {name}": "wrong" for name, right in found.items() if not right})
        service.close()
        reopen(service).close()
    return wrong


def issuing_token(settings: Pkcs11Settings) -> Pkcs11HostService:
    """A token in which every 3DES key of version 2.00 is made; only blanks' key is published."""
    profile = load("2.00")
    transport = RootKey.of(
        TRANSPORT, Secret(published_test_key("TRANSPORT", 1)), CLOCK.now(), "published"
    )
    service = create_service(settings, USER_PIN, roots=[transport])
    assert isinstance(service, Pkcs11HostService)
    for name, key in profile.keys.items():
        for version in range(1, key.groups + 1):
            algorithm: RootAlgorithm = "des" if key.length == des.BLOCK else "3des"
            service.generate(KeySpec(name, version, key.level, key.use, algorithm))
    return service


def batch_cut_off(folder: Path) -> dict[str, str]:
    """Make six cards; the token is taken away after the second one, and is back for the rest."""
    settings = softhsm_settings(new_token())
    profile = load("dalian")
    slot = ChipSlot(*(blank(profile, number.to_bytes(6, "big")) for number in range(1, 7)))
    told: dict[str, str] = {}
    away = ExitStack()
    service = issuing_token(settings)

    def made(_: object) -> None:
        if len(slot.good) == 1:  # this is the second one
            away.enter_context(removed(str(settings.token_label)))

    def run(keys: Pkcs11HostService, ledger: Ledger, batch: str) -> None:
        station = Station(slot, ledger, profile, keys, on_card=made)
        run_batch([station], ledger, batch, profile, keys)

    with Ledger.open(folder / "ledger.db", service.sealer(), service, CLOCK) as ledger:
        batch = import_rows(ledger, profile, folder, 6)
        try:
            run(service, ledger, batch)
        except SscardError as error:
            told["error"] = error.what.en
        told["made before"] = str(len(slot.good))
    service.close()
    away.close()
    forget()
    slot.put_in(*slot.left)
    again = open_service(settings, USER_PIN)
    assert isinstance(again, Pkcs11HostService)
    with Ledger.open(folder / "ledger.db", again.sealer(), again, CLOCK) as ledger:
        run(again, ledger, batch)
        for name, counts in (
            ("states", ledger.counts(batch)),
            ("numbers", ledger.serial_counts(batch)),
        ):
            told[name] = ", ".join(f"{state.value} {count}" for state, count in counts.items())
    told["cards"] = str(len(slot.good))
    again.close()
    return told


def _from_block(service: Pkcs11HostService | Pkcs11TokenService, value: bytes) -> bool:
    parts = [secrets.token_bytes(32) for _ in range(2)]
    kbpk = Secret(bytes(a ^ b for a, b in zip(*parts, strict=True)))
    service.combine(KBPK, [Secret(part) for part in parts], check_value("aes", kbpk))
    spec = KeySpec("STK", 3, "N2", "mac", "des")
    expected = check_value("des", Secret(value)).hex().upper()
    block = key_block.seal(KeyBlock("test", spec, expected, "KBPK", 1), Secret(value), kbpk)
    return service.import_block(block).check_value == expected


def _attempted(attempt: Callable[[], object]) -> str:
    try:
        return f"gave {attempt()}"
    except SscardError as error:
        return f"{type(error).__name__}: {error.what.en}"


def _listed(found: object, expected: list[KeyInfo]) -> str:
    return "all keys" if found == sorted(expected, key=lambda info: info.name) else "other keys"
