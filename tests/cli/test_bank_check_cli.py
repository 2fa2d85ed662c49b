"""``sscard bank check`` on plans, on files of groups, and on virtual cards."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.bank_files import FileCard, citic
from tests.support.bank_plans import bank_profile
from tests.support.bank_preparation import HOLDER, appendix_d, prepared
from tests.support.bank_vaults import KMC, bank_vault
from tests.support.debit_card import AID, debit_card

from sscard_ic.card.bank_personalization import BankPersonalizer
from sscard_ic.cli import root
from sscard_ic.keys import published_keys
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import blank
from sscard_ic.simulator.memory import Memory
from sscard_ic.simulator.pboc.stored import StoredDebit

OWNER = replace(HOLDER, pan="6228000100001117")
DAY = ("--on", "2026-11-01")
_FCI = bytes.fromhex("A50E500A50424F43204445424954870101")
_RECORDS = [bytes.fromhex(f"700A5A08888880000012345{each}") for each in (6, 7)]


def check(*words: str, lang: str = "en") -> Result:
    return CliRunner().invoke(root, ["--lang", lang, "bank", "check", *words])


def test_a_good_plan(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(prepared(OWNER).to_json(published_keys({}).sealer(), "row 1"))
    result = check(str(file), *DAY)
    assert (result.exit_code, result.output.strip()) == (0, "nothing found")
    told = json.loads(check(str(file), *DAY, "--json").stdout)
    assert told == {"errors": 0, "warnings": 0, "findings": []}


def test_groups_with_faults(tmp_path: Path) -> None:
    file = tmp_path / "groups.txt"
    file.write_text(
        "# a comment\n[payment]\nDGI9104 = 82027C00 94040C010100 # AFL\n\n[pse]\n9102=A503880120\n",
        encoding="utf-8",
    )
    result = check(str(file), lang="zh")
    assert result.exit_code == 1
    assert "错误: PSE: 88 应为 01–1F" in result.output
    told = json.loads(check(str(file), "--json").stdout)
    found = {finding["rule"]: finding for finding in told["findings"]}
    assert found["pse_file"] == {
        "rule": "pse_file",
        "level": "error",
        "where": "PSE",
        "message": "88 is to be 01 to 1F",
    }
    assert told["errors"] + told["warnings"] == len(told["findings"])


@pytest.mark.parametrize(
    ("text", "where"),
    [("DGI9104=82027C00\nDGI8000=00112\n", ":2"), ("", ""), ('{"pan": "1"}', "")],
    ids=["odd-digits", "empty", "no-plan"],
)
def test_other_files_are_refused_without_being_quoted(
    tmp_path: Path, text: str, where: str
) -> None:
    file = tmp_path / "groups.txt"
    file.write_text(text, encoding="utf-8")
    result = check(str(file))
    assert result.exit_code == 1
    assert f"{file}{where}: " in result.stderr
    assert "00112" not in result.output


def test_a_card_personalized_by_a_plan(tmp_path: Path) -> None:
    settings = {"algorithms": ("3des", "sm4"), "rsa_bits": 1152, "name_form": "gbk"}
    model, image = appendix_d(**settings), tmp_path / "card.img"
    serial = bytes.fromhex("5119000013DF")
    profile = bank_profile(model)
    chip = blank(profile, serial, path=image, transport_key=bytes(16), card_manager_key=KMC)
    session = open_session(VirtualConnection(chip))
    BankPersonalizer(session, model, bank_vault()).personalize(prepared(OWNER, **settings))
    chip.close()
    result = check("--reader", f"virtual:{image}", *DAY)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("nothing found")
    other = json.loads(check("--reader", f"virtual:{image}", "--on", "2050-01-01", "--json").stdout)
    assert {finding["rule"] for finding in other["findings"]} == {"issuer_certificate"}


@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
def test_a_blocked_application(tmp_path: Path, protocol: str) -> None:
    """It is said to be blocked; whatever else is found is what an open one has."""
    card = debit_card(tmp_path, protocol=protocol)
    words = ("--reader", f"virtual:{tmp_path / 'debit.img'}", *DAY, "--json")
    card.chip.close()
    opened = json.loads(check(*words).stdout)["findings"]
    with closing(Memory.open(tmp_path / "debit.img")) as memory:
        StoredDebit(memory, f"bank/{AID.hex().upper()}").block()
        memory.commit()
    result = check(*words, lang="zh")
    assert result.exit_code == 1
    blocked, *others = json.loads(result.stdout)["findings"]
    assert (blocked["rule"], blocked["level"]) == ("application_blocked", "error")
    assert "应用已锁定（6283）" in blocked["message"]
    assert "sscard bank unblock" in blocked["message"]
    assert [each["rule"] for each in others] == [each["rule"] for each in opened]
    assert "the application is blocked (6283)" in check(*words[:-1]).stdout


def test_every_card_of_a_bank_file_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "cards.dat"
    file.write_bytes(citic([FileCard([(0x0101, record), (0x9102, _FCI)]) for record in _RECORDS]))
    told = json.loads(check(str(file), "--json").stdout)
    assert {finding["card"] for finding in told["findings"]} == {1, 2}
    result = check(str(file), "--format", "citic", lang="zh")
    assert result.exit_code == 1
    assert "第 2 张 错误: " in result.output
    other = check(str(file), "--format", "yl")
    assert "it was read as imports/bank-data/yl, and no card of it was taken" in other.stderr
    assert "there is no such profile" in check(str(file), "--format", "none").stderr
