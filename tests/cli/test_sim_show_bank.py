"""``sscard sim show``: the bank's part of an image, without keys and persons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.simulator.pboc.perso_cards import AID, PPSE, PSE, blank_card, issued_card

from sscard_ic.cli import root


def shown(image: Path, *options: str, lang: str = "en") -> str:
    """What the command prints."""
    env = {"SSCARD_LANG": lang, "COLUMNS": "200"}
    result = CliRunner(env=env).invoke(root, ["sim", "show", *options, str(image)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_blank_has_a_card_manager_alone(tmp_path: Path) -> None:
    path = tmp_path / "card.img"
    blank_card(path=path).chip.close()
    bank = json.loads(shown(path, "--json"))["bank"]
    assert bank == {
        "issuer_domain": "A000000003000000",
        "key_data": "888880FFFFFF000013DF",
        "sequence": 1,
        "card_blocked": False,
        "applications": [],
    }
    assert "888880FFFFFF000013DF" in shown(path)


def test_applications_and_their_states(tmp_path: Path) -> None:
    path = tmp_path / "card.img"
    card = blank_card(path=path)
    card.install_all()
    card.personalize(AID)
    card.chip.close()
    bank = json.loads(shown(path, "--json"))["bank"]
    states = {each["aid"]: each["state"] for each in bank["applications"]}
    assert states == {AID: "issued", PSE: "installed", PPSE: "installed"}
    lines = {line.split()[0]: line for line in shown(path).splitlines() if line.strip()}
    assert "3DES, SM4, RSA, SM2" in lines[AID]
    assert "3 / 3" in lines[AID]
    assert "in personalization" in lines[PSE]
    assert "个人化中" in shown(path, lang="zh")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_nothing_of_keys_and_persons(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = tmp_path / "card.img"
    card = issued_card(path=path)
    secrets = [str(value) for name, value in card.states.items() if "/keys/" in name]
    secrets += [str(card.states[f"bank/manager/{kind}"]) for kind in ("enc", "mac", "dek")]
    card.chip.close()
    words = shown(path, *options).upper()
    for secret in (*secrets, "8888800000123456", "SAMPLE", "650001199707010010"):
        assert secret not in words
    assert len(secrets) == 9
