"""The key service is chosen by ``sscard.toml``; the commands are the same for all of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.plant import DATA, SAMPLES
from tests.support.remote_hsm import certificates, served
from tests.support.softhsm import MODULE, USER_PIN, answering, new_token, open_softhsm
from tests.support.templates import Template

from sscard_ic.cli import root
from sscard_ic.keys import KeySpec, SoftwareVault
from sscard_ic.keys.pkcs11.errors import HsmError
from sscard_ic.profile import load
from sscard_ic.reader.virtual import new_blank

BATCH = "dalian-210200-20261121-007"
BLANKS = 3
CARDS = 50
"""Of the batch that is made with an HSM."""
TERMINAL = "210200000001"
VAULT = {"SSCARD_PASSPHRASE": "test"}
"""What opens the workshop's vault."""


class Site:
    """A home with settings, and the commands given there."""

    def __init__(self, folder: Path, settings: str, **env: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        (self.home / "sscard.toml").write_text(settings, encoding="utf-8")
        self.env = {
            "SSCARD_HOME": str(self.home),
            "SSCARD_LANG": "en",
            "SSCARD_TERMINAL": TERMINAL,
            "COLUMNS": "200",
            **env,
        }

    def sscard(self, *arguments: str, code: int = 0, **env: str) -> Result:
        result = CliRunner(env={**self.env, **env}).invoke(root, list(arguments))
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments: str, **env: str) -> dict[str, Any]:
        value = json.loads(self.sscard(*arguments, "--json", code=0, **env).stdout)
        assert isinstance(value, dict)
        return value

    def order(self) -> None:
        file = self.folder / f"{BATCH}.csv"
        lines = SAMPLES["dalian"].read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(lines[: CARDS + 1]))
        photos = str(DATA / "photos")
        self.sscard("batch", "import", str(file), "--profile", "dalian", "--photos", photos)

    def deck(self, blanks: int = BLANKS) -> str:
        for _ in range(blanks):
            new_blank(load("dalian"), self.folder / "deck")
        return f"--reader=virtual:dir:{self.folder / 'deck'}"

    def cards(self) -> list[Path]:
        return sorted((self.folder / "deck" / "good").glob("*.img"))


# -- an HSM by PKCS#11 -------------------------------------------------------------------------


def settings_of(label: str) -> str:
    return (
        f'[keys]\nservice = "pkcs11"\n[keys.pkcs11]\nmodule = "{MODULE}"\ntoken_label = "{label}"\n'
    )


PIN = USER_PIN.reveal().decode()


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The label of a token with the test keys; it takes seconds to bring them all in."""
    label = new_token()
    site = Site(tmp_path_factory.mktemp("token"), settings_of(label), SSCARD_HSM_PIN=PIN)
    made = site.json("keys", "init", "--test")
    assert made["environment"] == "test"
    assert made["vault"].startswith("pkcs11:token=")
    assert not (site.home / "vault.json").exists()
    return label


@pytest.fixture
def hsm(tmp_path: Path, token: str) -> Site:
    """A home whose keys are in that token."""
    return Site(tmp_path, settings_of(token), SSCARD_HSM_PIN=PIN)


@pytest.fixture
def empty(tmp_path: Path) -> Site:
    """A home with a token that is not prepared yet."""
    return Site(tmp_path, settings_of(new_token()), SSCARD_HSM_PIN=PIN)


def test_a_life_of_cards_with_all_master_keys_in_the_token(hsm: Site) -> None:
    hsm.order()
    made = hsm.json("batch", "run", BATCH, hsm.deck(CARDS))
    assert (made["good"], made["left"]) == (CARDS, 0)
    returned = hsm.json("batch", "return", BATCH, "--out", str(hsm.folder))
    assert returned["good"] == CARDS
    card = f"--reader=virtual:{hsm.cards()[0]}"
    read = hsm.json("read", "SSSE.EF06.09", "DF01.EF06.2C", "--keys", card)
    assert read["lacking"] == {}
    pins = {"SSCARD_PIN": "123456", "SSCARD_NEW_PIN": "258036"}
    hsm.json("card", "activate", card, **pins)
    assert hsm.json("card", "pin", "unblock", card)["pin"] == "unblocked"
    assert hsm.json("card", "pin", "reset", card, "--yes", SSCARD_NEW_PIN="471283")["pin"] == (
        "reset"
    )
    pin = {"SSCARD_PIN": "471283"}
    assert hsm.json("card", "credit", "100", card, "--yes", **pin)["result"]["clears"] is True
    settled = hsm.json("card", "debit", "--account", "12.50", card, "--yes", **pin)
    assert settled["result"]["clears"] is True
    assert hsm.json("card", "block", "--application", "DF04", card, "--yes")["blocked"] == "DF04"
    assert hsm.json("card", "unblock", "--application", "DF04", card)["unblocked"] == "DF04"


def test_the_pin_comes_from_a_file_or_a_prompt(hsm: Site) -> None:
    file = hsm.folder / "pin"
    file.write_text(f"{PIN}\n")
    del hsm.env["SSCARD_HSM_PIN"]
    hsm.sscard("keys", "list", SSCARD_HSM_PIN_FILE=str(file))
    typed = CliRunner(env=hsm.env).invoke(root, ["keys", "list"], input=f"{PIN}\n")
    assert typed.exit_code == 0, typed.output
    assert "PIN of the HSM's token" in typed.stderr
    nobody = hsm.sscard("keys", "list", code=1)
    assert "without a terminal use: SSCARD_HSM_PIN, SSCARD_HSM_PIN_FILE" in nobody.stderr


def test_a_wrong_pin_is_given_once(empty: Site) -> None:
    wrong = empty.sscard("keys", "list", code=1, SSCARD_HSM_PIN="000000")
    assert "the PIN of the HSM is wrong" in wrong.stderr
    again = empty.sscard("keys", "list", code=1)
    assert "the stored one was not tried" in again.stderr
    assert "Traceback" not in wrong.output + again.output


def test_a_token_is_prepared_for_what_the_settings_say(empty: Site) -> None:
    refused = empty.sscard("keys", "init", "--production", code=1)
    assert 'the settings call the HSM one of environment "test"' in refused.stderr
    unprepared = empty.sscard("keys", "list", code=1)
    assert "sscard keys init" in unprepared.stderr


def test_a_key_that_nobody_entered_is_named(tmp_path: Path) -> None:
    """As an interrupted removal leaves it in the token."""
    with closing(open_softhsm([])) as service:
        with (
            answering("C_CreateObject", 0x05),
            answering("C_DestroyObject", 0x05),
            pytest.raises(HsmError),
        ):
            service.generate(KeySpec("MKSSSE", 1, "maker", "master"))
        label = service.settings.token_label
    assert label is not None
    site = Site(tmp_path, settings_of(label), SSCARD_HSM_PIN=PIN)
    listed = site.sscard("keys", "list")
    assert "sscard:key:MKSSSE:1:3des in the token has no entry" in listed.stderr


def test_a_vault_that_is_named_comes_first(hsm: Site, plant_vault: SoftwareVault) -> None:
    listed = hsm.json("keys", "list", "--vault", str(plant_vault.path), **VAULT)
    assert listed["place"] == str(plant_vault.path)
    assert hsm.json("keys", "list")["place"].startswith("pkcs11:")
    # Settings that are wrong do not matter then.
    (hsm.home / "sscard.toml").write_text("[nonsense]\n")
    hsm.json("keys", "list", "--vault", str(plant_vault.path), **VAULT)
    assert "unknown section" in hsm.sscard("keys", "list", code=1).stderr


# -- an HSM service ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, plant_vault: SoftwareVault) -> Template:
    return Template.make(tmp_path_factory.mktemp("card"), plant_vault, load("dalian"))


@pytest.fixture
def counter(tmp_path: Path, template: Template) -> Iterator[tuple[Site, str]]:
    """A counter whose keys are with an HSM service, and a card."""
    files = certificates(tmp_path)
    with served(template.vault, "dalian", tmp_path) as server:
        settings = f"""
            [keys]
            service = "remote"
            [keys.remote]
            url = "{server.url}"
            environment = "test"
            ca_file = "{files.ca}"
            certificate = "{files.client_certificate}"
            private_key = "{files.client_key}"
            amounts = "three"
        """
        (tmp_path / "cards").mkdir()
        card = template.copy(tmp_path / "cards")
        yield Site(tmp_path, settings), f"--reader=virtual:{card}"


def test_a_counter_with_an_hsm_service(counter: tuple[Site, str], template: Template) -> None:
    site, card = counter
    assert site.json("read", "DF01.EF06.2C", "DF04.EF05.81", "--keys", card)["closed"] == {}
    assert site.json("card", "pin", "unblock", card)["pin"] == "unblocked"
    reset = site.json("card", "pin", "reset", card, "--yes", SSCARD_NEW_PIN="471283")
    assert reset["pin"] == "reset"
    pin = {"SSCARD_PIN": "471283"}
    # There is no message for credits: the vault of the centre credits.
    vault = ("--vault", str(template.vault.path))
    credited = site.json("card", "credit", "100", card, "--yes", *vault, **pin, **VAULT)
    assert credited["made"] is True
    settled = site.json("card", "debit", "--account", "12.50", card, "--yes", **pin)
    assert settled["made"] is True
    assert settled["result"]["clears"] is True
    # Which address a key has is for the operator of the service to say; the card is asked nothing.
    unknown = site.sscard("card", "block", "--application", "DF04", card, "--yes", code=1)
    assert "no address of the key STKDF04" in unknown.stderr


def test_what_an_hsm_service_cannot_do_is_told_before_anything_is_touched(
    counter: tuple[Site, str],
) -> None:
    site, card = counter
    file = site.folder / f"{BATCH}.csv"
    shutil.copy(SAMPLES["dalian"], file)
    photos = str(DATA / "photos")
    refused = site.sscard(
        "batch", "import", str(file), "--profile", "dalian", "--photos", photos, code=1
    )
    assert "the messages of a remote HSM cannot seal what a ledger keeps" in refused.stderr
    assert not (site.home / "ledger.db").exists()
    run = site.sscard("batch", "run", BATCH, site.deck(), code=1)
    assert "this key service (RemoteHsm) cannot" in run.stderr
    assert len(list((site.folder / "deck").glob("*.img"))) == BLANKS
    image = Path(card.partition("virtual:")[2])
    before = image.read_bytes()
    credit = site.sscard("card", "credit", "100", card, "--yes", code=1, SSCARD_PIN="123456")
    assert "only the HSM of the centre authorises a credit" in credit.stderr
    listed = site.sscard("keys", "list", code=1)
    assert "cannot list keys" in listed.stderr
    made = site.sscard("keys", "init", "--test", code=1)
    assert "the keys of an HSM service are its operator's" in made.stderr
    assert image.read_bytes() == before


# -- a PSAM at the counter ---------------------------------------------------------------------


def test_the_pin_service_and_locks_with_a_psam(
    tmp_path: Path, template: Template, plant_vault: SoftwareVault
) -> None:
    site = Site(tmp_path, "")
    out = str(site.folder)
    site.sscard("sim", "new", "--profile", "psam/dalian", "--terminal", TERMINAL, "--out", out)
    (psam,) = site.folder.glob("psam*.img")
    (site.folder / "cards").mkdir()
    card = f"--reader=virtual:{template.copy(site.folder / 'cards')}"
    with_psam = (card, f"--psam=virtual:{psam}")
    # There is no vault here, and nobody is asked for anything.
    assert site.json("card", "pin", "unblock", *with_psam)["pin"] == "unblocked"
    # Keys for MACs do not encipher in a PSAM, and a new PIN must be.
    refused = site.sscard(
        "card", "pin", "reset", *with_psam, "--yes", code=1, SSCARD_NEW_PIN="471283"
    )
    assert "use the vault or an HSM" in refused.stderr
    site.sscard("card", "balance", card, SSCARD_PIN="123456")
    blocked = site.json("card", "block", "--application", "DF04", *with_psam, "--yes")
    assert blocked["blocked"] == "DF04"
    unblocked = site.json("card", "unblock", "--application", "DF04", *with_psam)
    assert unblocked["unblocked"] == "DF04"
    excluded = site.sscard(
        "card", "pin", "unblock", "--psam", "1", "--vault", str(plant_vault.path), code=2
    )
    assert "--psam excludes --keys and --vault" in excluded.stderr


@pytest.mark.parametrize(
    "command", [("read", "--all", "--keys"), ("card", "pin", "unblock"), ("dump", "--keys")]
)
def test_test_keys_do_not_serve_a_profile_of_production(
    command: tuple[str, ...], tmp_path: Path, template: Template
) -> None:
    site = Site(tmp_path, "", **VAULT)
    profile = tmp_path / "production.toml"
    profile.write_text(
        'kind = "region"\nextends = "regions/dalian"\n[issuer]\nenvironment = "production"\n'
    )
    (tmp_path / "cards").mkdir()
    card = template.copy(tmp_path / "cards")
    before = card.read_bytes()
    where = (f"--reader=virtual:{card}", f"--profile={profile}")
    refused = site.sscard(*command, *where, f"--vault={template.vault.path}", code=1)
    assert "holds test keys; the profile is of production" in refused.stderr
    assert card.read_bytes() == before
