"""``sscard sim new --cos``: the same card on another COS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sscard_ic.cli import root


def run(folder: Path, *arguments: str) -> Result:
    env = {"SSCARD_HOME": str(folder / "home"), "SSCARD_LANG": "en"}
    return CliRunner(env=env).invoke(root, list(arguments))


@pytest.mark.parametrize(("state", "shown_as"), [("blank", "blank"), ("personalized", "issued")])
def test_a_card_of_mcos(tmp_path: Path, state: str, shown_as: str) -> None:
    options = ("--profile", "dalian", "--cos", "mcos", "--state", state, "--out", str(tmp_path))
    made = run(tmp_path, "sim", "new", *options, "--json")
    assert made.exit_code == 0, made.output
    (image,) = json.loads(made.stdout)["images"]
    shown = json.loads(run(tmp_path, "sim", "show", "--json", image).stdout)
    assert (shown["dialect"], shown["state"]) == ("mcos", shown_as)
    assert "manufacturer_key" not in json.dumps(shown)


def test_an_issued_card_of_mcos_is_read(tmp_path: Path) -> None:
    options = ("--profile", "dalian", "--cos", "mcos", "--state", "personalized")
    made = run(tmp_path, "sim", "new", *options, "--out", str(tmp_path), "--json")
    (image,) = json.loads(made.stdout)["images"]
    read = run(tmp_path, "read", "--reader", f"virtual:{image}", "--json")
    assert read.exit_code == 0, read.output
    assert json.loads(read.stdout)["profile"] == "regions/dalian"


def test_an_unknown_cos(tmp_path: Path) -> None:
    refused = run(tmp_path, "sim", "new", "--profile", "dalian", "--cos", "dos")
    assert refused.exit_code == 1
    assert "there is no such COS" in refused.output
    assert "mcos" in refused.output


def test_a_psam_has_no_other_cos(tmp_path: Path) -> None:
    refused = run(tmp_path, "sim", "new", "--profile", "psam/dalian", "--cos", "mcos")
    assert refused.exit_code == 2
    assert "--cos" in refused.output
