"""The same with all master keys in a token: its PIN and the keys of the cards are found nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.support.plant import SAMPLES
from tests.support.secret_office import SecretOffice, know_roots, random_roots
from tests.support.softhsm import MODULE, new_token, softhsm_settings

from sscard_ic.base import Secret
from sscard_ic.keys.pkcs11.opening import create_service, open_service

BROKEN = """
import faulthandler
from sscard_ic.keys.pkcs11 import cryptoki
own, calls = cryptoki.Cryptoki.encrypt_into, []
def broken(*arguments):
    calls.append(1)
    if len(calls) > 3:
        faulthandler.dump_traceback()
        raise RuntimeError("unforeseen")
    return own(*arguments)
cryptoki.Cryptoki.encrypt_into = broken
from sscard_ic.cli import main
main()
"""
"""The program, but something unforeseen happens while the token derives keys of cards."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretOffice]:
    """After a card was made and serviced."""
    office = SecretOffice(tmp_path_factory.mktemp("office"))
    with closing(office.watched):
        _day(office)
        yield office


def _day(office: SecretOffice) -> None:
    """One card of 3DES from the order to a new PIN, and a wrong PIN of the token."""
    pin = office.pin("PIN of the token")
    settings = softhsm_settings(new_token(pin=Secret(pin.encode())))
    office.watched.env["SOFTHSM2_CONF"] = os.environ["SOFTHSM2_CONF"]
    (office.home / "sscard.toml").write_text(
        f'[keys]\nservice = "pkcs11"\n[keys.pkcs11]\nmodule = "{MODULE}"\n'
        f'token_label = "{settings.token_label}"\n'
    )
    roots = [root for root in random_roots("dalian") if root.algorithm != "sm4"]
    know_roots(office, roots)
    create_service(settings, Secret(pin.encode()), roots=roots).close()
    office.watched.env["SSCARD_HSM_PIN_FILE"] = office.file("PIN of the token")
    region, batch = "dalian", SAMPLES["dalian"].stem
    order = (str(office.order(region, 1)), f"--profile={office.profile(region)}", office.photos)
    office.sscard("import", "batch", "import", *order)
    reader = f"--reader=virtual:dir:{office.deck(region)}"
    run = ("batch", "run", batch, reader, f"--trace={office.watched.folder / 'run'}.trace")
    office.sscard("run-raised", *run, program=BROKEN, code=1)
    given = {"SSCARD_HSM_PIN_FILE": "", "SSCARD_HSM_PIN": pin}
    office.sscard("run", *run, "--json", env=given)
    office.sscard("return", "batch", "return", batch, f"--out={office.watched.folder}")
    with closing(open_service(settings, Secret(pin.encode()))) as service:
        office.know_cards(service)
    ((_, image),) = office.images()
    card = (f"--reader=virtual:{image}", f"--profile={office.profile(region)}", "--json")
    pins = {
        "SSCARD_PIN": office.pin("initial PIN of dalian"),
        "SSCARD_NEW_PIN": office.pin("first PIN"),
    }
    office.sscard("activate", "card", "activate", *card, env=pins)
    new = {"SSCARD_NEW_PIN": office.pin("second PIN")}
    office.sscard("reset", "card", "pin", "reset", *card, "--yes", env=new, cold=True)
    office.sscard(
        "list", "keys", "list", "--json", stdin=f"{pin}\n", env={"SSCARD_HSM_PIN_FILE": ""}
    )
    office.sscard("doctor", "doctor", "--json")
    wrong = {"SSCARD_HSM_PIN_FILE": "", "SSCARD_HSM_PIN": office.pin("wrong PIN of the token")}
    office.fails("wrong-pin", "keys", "list", "--json", env=wrong)


def test_nothing_that_was_written_holds_a_secret(office: SecretOffice) -> None:
    assert office.search().found_in(office.watched.written()) == {}


def test_the_cards_do_hold_them(office: SecretOffice) -> None:
    search = office.search()
    ((_, image),) = office.images()
    found = search.found(image.read_bytes())
    names = [
        name for name in office.keys if name.endswith(image.stem) and name.startswith("UKSSSE")
    ]
    assert len(names) == 3
    assert {f"{name} as hex" for name in names} <= found
    assert "second PIN as hex" in found
    shown = {path.name.split("-", 1)[1]: path for path in office.watched.shown.iterdir()}
    assert "RuntimeError: unforeseen" in shown["run-raised.stderr"].read_text()
