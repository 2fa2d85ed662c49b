"""``sscard sim`` and the operator's path from keys to return file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.plant import DATA, SAMPLES

from sscard_ic.cli import root


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"SSCARD_HOME": str(tmp_path / "home"), "SSCARD_PASSPHRASE": "x", "SSCARD_LANG": "en"}


def run(env: dict[str, str], *arguments: str) -> Result:
    return CliRunner(env=env).invoke(root, list(arguments))


def test_new_cards_are_blank_and_shown_without_keys(tmp_path: Path, env: dict[str, str]) -> None:
    made = run(env, "sim", "new", "--profile", "dalian", "--count", "2", "--out", str(tmp_path))
    assert made.exit_code == 0, made.output
    paths = made.stdout.split()
    assert len(set(paths)) == 2
    shown = json.loads(run(env, "sim", "show", "--json", paths[0]).stdout)
    assert shown["state"] == "blank"
    assert shown["files"] == []
    assert shown["factory_serial"] == Path(paths[0]).stem
    assert "transport_code" not in json.dumps(shown)
    assert "blank" in run(env, "sim", "show", paths[0]).output


def test_the_certificate_application_is_shown_without_secrets(
    tmp_path: Path, env: dict[str, str]
) -> None:
    made = run(env, "sim", "new", "--profile", "urumqi", "--out", str(tmp_path))
    assert made.exit_code == 0, made.output
    image = made.stdout.split()[0]
    shown = run(env, "sim", "show", "--json", image).stdout
    application = json.loads(shown)["certificates"]
    files = {file["fid"]: (file["content"], file["size"]) for file in application["files"]}
    assert files["0012"] == ("signature_public", 66)
    assert files["0019"] == ("encryption_certificate", 2048)
    assert not any(file["written"] for file in application["files"])
    tries = {each["name"]: each["left"] for each in application["tries"]}
    names = ("user_pin", "admin_pin", "environment_key", "application_key")
    assert tries == dict.fromkeys(names, 6)
    for secret in ("123456", "12345678", "00112233445566778899AABBCCDDEEFF"):
        assert f'"{secret}"' not in shown
    words = run(env, "sim", "show", image).output
    assert "encryption certificate" in words
    assert "control key of the environment (DDF)  6 / 6" in words


def test_a_personalized_card_is_read_and_activated(tmp_path: Path, env: dict[str, str]) -> None:
    options = ("--profile", "urumqi", "--state", "personalized", "--out", str(tmp_path))
    made = run(env, "sim", "new", *options, "--json")
    assert made.exit_code == 0, made.output
    (image,) = json.loads(made.stdout)["images"]
    assert json.loads(run(env, "sim", "show", "--json", image).stdout)["state"] == "issued"
    pins = {"SSCARD_PIN": "123456", "SSCARD_NEW_PIN": "258036"}
    activated = run(env | pins, "card", "activate", "--reader", f"virtual:{image}")
    assert activated.exit_code == 0, activated.output
    # The vault that everybody can make opens it.
    assert run(env, "keys", "init", "--test").exit_code == 0
    read = run(env, "read", "--all", "--keys", "--reader", f"virtual:{image}", "--json")
    assert read.exit_code == 0, read.output
    assert json.loads(read.stdout)["profile"].endswith("urumqi")


def test_an_image_that_is_none(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "x.img").write_text("no card\n")
    result = run(env, "sim", "show", str(tmp_path / "x.img"))
    assert result.exit_code == 1
    assert "not an image" in result.output


def test_an_operators_day(tmp_path: Path, env: dict[str, str]) -> None:
    """Keys, import, a deck that is too small, another deck, return file."""
    sample = SAMPLES["dalian"].read_bytes().splitlines(keepends=True)
    file = tmp_path / "dalian-210200-20261121-009.csv"
    file.write_bytes(b"".join(sample[:5]))
    batch = file.stem
    assert run(env, "keys", "init", "--test").exit_code == 0
    photos = str(DATA / "photos")
    imported = run(env, "batch", "import", str(file), "--profile", "dalian", "--photos", photos)
    assert imported.exit_code == 0, imported.output
    deck = tmp_path / "deck"
    run(env, "sim", "new", "--profile", "dalian", "--count", "3", "--out", str(deck))
    reader = f"virtual:dir:{deck}"
    first = run(env, "batch", "run", batch, "--reader", reader, "--json")
    assert first.exit_code == 3, first.output
    value = json.loads(first.stdout)
    assert (value["good"], value["left"], value["failed"]) == (3, 1, 0)
    early = run(env, "batch", "return", batch, "--out", str(tmp_path))
    assert early.exit_code == 1
    trace = tmp_path / "run.trace"
    second = run(
        env, "batch", "run", batch, "--reader", "virtual:new:dalian", "--trace", str(trace)
    )
    assert second.exit_code == 0, second.output
    assert "good cards: 1; rows still to make: 0, failed: 0" in second.output
    assert "80D40000 ‹32 bytes›" in trace.read_text(encoding="utf-8")
    returned = run(env, "batch", "return", batch, "--out", str(tmp_path))
    assert returned.exit_code == 0, returned.output
    lines = (tmp_path / f"{batch}.return.csv").read_bytes().decode("gb18030").splitlines()
    assert len(lines) == 5
    done = run(env, "batch", "run", batch, "--reader", reader)
    assert "good cards: 0; rows still to make: 0" in done.output


def test_used_cards_in_a_deck_are_rejected(tmp_path: Path, env: dict[str, str]) -> None:
    file = tmp_path / "dalian-210200-20261121-008.csv"
    sample = SAMPLES["dalian"].read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(sample[:3]))
    run(env, "keys", "init", "--test")
    photos = str(DATA / "photos")
    run(env, "batch", "import", str(file), "--profile", "dalian", "--photos", photos)
    deck = tmp_path / "deck"
    run(env, "sim", "new", "--profile", "dalian", "--out", str(deck))
    reader = f"virtual:dir:{deck}"
    assert run(env, "batch", "run", file.stem, "--reader", reader, "--limit", "1").exit_code == 0
    (issued,) = (deck / "good").glob("*.img")
    other = dict(env, SSCARD_HOME=str(tmp_path / "elsewhere"))
    run(other, "keys", "init", "--test")
    run(other, "batch", "import", str(file), "--profile", "dalian", "--photos", photos)
    issued.rename(deck / issued.name)
    result = run(other, "batch", "run", file.stem, "--reader", reader)
    assert result.exit_code == 3
    assert "was rejected: this card has been made with another ledger" in result.output
    assert list((deck / "rejected").glob("*.img"))


def test_batch_run_without_a_vault_tells_how_to_make_one(env: dict[str, str]) -> None:
    result = run(env, "batch", "run", "x", "--reader", "virtual:new:dalian")
    assert result.exit_code == 1
    assert "sscard keys init --test" in result.output


def test_a_deck_of_the_wrong_kind_stops_and_costs_two_cards(
    tmp_path: Path, env: dict[str, str]
) -> None:
    file = tmp_path / "dalian-210200-20261121-007.csv"
    sample = SAMPLES["dalian"].read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(sample[:5]))
    run(env, "keys", "init", "--test")
    photos = str(DATA / "photos")
    run(env, "batch", "import", str(file), "--profile", "dalian", "--photos", photos)
    wrong = run(env, "batch", "run", file.stem, "--reader", "virtual:new:urumqi", "--json")
    assert wrong.exit_code == 3
    value = json.loads(wrong.stdout)
    assert (value["good"], value["left"], value["failed"], value["stopped"]) == (0, 4, 0, True)
    assert len(value["bad"]) == 2
    said = run(env, "--lang", "zh", "batch", "run", file.stem, "--reader", "virtual:new:urumqi")
    assert "连续坏卡，已停止" in said.output
    assert "空白卡是否属于此规范" in said.output
    right = run(env, "batch", "run", file.stem, "--retry-failed", "--reader", "virtual:new:dalian")
    assert right.exit_code == 0, right.output
    assert "good cards: 4; rows still to make: 0, failed: 0" in right.output


def test_errors_come_as_json_where_json_is_asked_for(env: dict[str, str]) -> None:
    result = run(env, "batch", "status", "nix", "--json")
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error["message"] == "there is no ledger"
    assert error["hint"]
    assert "there is no ledger" in result.stderr
