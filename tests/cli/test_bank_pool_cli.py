"""``sscard bank pool``, and that batches take their keys from it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.plant import make_vault

from sscard_ic.cli import root
from sscard_ic.cli.bank_pool import card_key_pool
from sscard_ic.issuance.bank.desk import desk_of
from sscard_ic.profile import load


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSCARD_HOME", str(tmp_path))
    monkeypatch.setenv("SSCARD_PASSPHRASE", "test")
    return tmp_path


def pool(*arguments: str) -> dict[str, int]:
    result = CliRunner().invoke(root, ["bank", "pool", "--json", *arguments])
    assert result.exit_code == 0, result.output
    told: dict[str, int] = json.loads(result.stdout)
    return told


def test_a_card_takes_one_of_each_algorithm(home: Path) -> None:
    with closing(make_vault(home)) as vault:
        made = pool("--count", "2", "--profile", "financial/debit-sm")
        assert made == {"rsa_bits": 1152, "rsa": 2, "sm2": 2}
        desk = desk_of(load("urumqi-bank"), card_key_pool(vault))
        assert desk is not None
        first, second = (desk.keys.take_rsa(1152, 3).public for _ in range(2))
        assert first != second
        desk.keys.take_sm2()
        assert pool() == {"rsa_bits": 1152, "rsa": 0, "sm2": 1}
        assert desk.keys.take_rsa(1152, 3).public not in (first, second)
