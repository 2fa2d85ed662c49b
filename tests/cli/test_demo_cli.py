"""The demo, and the commands a person goes on with."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sscard_ic.cli import root
from sscard_ic.cli.demo import NEW_PIN, PASSPHRASE

CARDS = 2


def sscard(*arguments: str, env: dict[str, str] | None = None) -> Result:
    base = {"SSCARD_LANG": "en", "SSCARD_READER": "", "SSCARD_PIN": None, "SSCARD_NEW_PIN": None}
    return CliRunner(env={**base, **(env or {})}).invoke(root, list(arguments))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a small demo left."""
    out = tmp_path_factory.mktemp("demo") / "out"
    result = sscard("demo", "--cards", str(CARDS), "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "dalian-210200-20261121-001" in result.output
    assert "urumqi-650100-20261121-001" in result.output
    assert "宋泽轩" in result.output
    assert f"new PIN {NEW_PIN}" in result.output
    assert "issued by 测试运营CA" in result.output
    (out / "told.txt").write_text(result.output, encoding="utf-8")
    return out


def home(demo: Path) -> dict[str, str]:
    return {"SSCARD_HOME": str(demo), "SSCARD_PASSPHRASE": PASSPHRASE}


def images(demo: Path) -> list[Path]:
    return sorted((demo / "cards").glob("*.img"))


def image_of(demo: Path, profile: str) -> str:
    """A card of a profile that has not been activated."""
    activated = json.loads((demo / "summary.json").read_text())["activated"]
    for image in images(demo):
        if str(image) != activated and f'"{profile}"' in image.read_text().splitlines()[0]:
            return f"virtual:{image}"
    raise AssertionError(profile)


def test_what_the_demo_leaves(demo: Path) -> None:
    assert len(images(demo)) == 2 * CARDS
    for name in ("ledger.db", "vault.json"):
        assert stat.S_IMODE(os.stat(demo / name).st_mode) == 0o600
    summary = json.loads((demo / "summary.json").read_text(encoding="utf-8"))
    assert [batch["verified"] for batch in summary["batches"]] == [CARDS, CARDS]
    for batch in summary["batches"]:
        lines = Path(batch["return_file"]).read_bytes().decode("gb18030").splitlines()
        assert len(lines) == 1 + CARDS
    assert not list(demo.glob("rejected/*"))


def test_certificates_of_the_demo_as_it_shows_them(demo: Path) -> None:
    old, new = json.loads((demo / "summary.json").read_text(encoding="utf-8"))["batches"]
    assert old["certificates"] is None
    shown = new["certificates"]
    assert f"Certificates: {shown['card']}" in (demo / "told.txt").read_text(encoding="utf-8")
    for purpose in ("signature", "encryption"):
        found = shown[purpose]
        assert (found["key_on_card"], found["valid"]) == (True, True)
        assert found["holder"] == "任远秀"
        assert len(found["serial"]) == 32
        assert found["not_before"][:4] < found["not_after"][:4]


def test_openssl_believes_the_certificates_of_the_demo(demo: Path) -> None:
    """By the very commands that the demo tells a person to go on with."""
    told = (demo / "told.txt").read_text(encoding="utf-8").splitlines()
    show, verify = (line.split() for line in told[-2:])
    assert show[1:3] == ["cert", "show"]
    result = sscard(*show[1:], env=home(demo))
    assert result.exit_code == 0, result.output
    checked = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout.rsplit(": ")[-1].strip()) == (0, "OK"), checked
    other = [*verify[:-1], verify[-1].replace("signature", "encryption")]
    assert subprocess.run(other, capture_output=True, check=False).returncode == 0
    certificate = ("openssl", "x509", "-noout", "-subject", "-nameopt", "utf8", "-in", verify[-1])
    subject = subprocess.run(certificate, capture_output=True, text=True, check=True).stdout
    assert "CN=任远秀" in subject.replace(" ", "")


def test_the_trace_of_the_demo_holds_no_pin_and_no_person(demo: Path) -> None:
    trace = (demo / "activation.trace").read_text(encoding="utf-8")
    assert "> 805E0100 ‹7 bytes›" in trace
    for secret in ("123456", NEW_PIN, "宋泽轩", "CBCED4F3D0F9"):
        assert secret not in trace


def test_a_second_demo_replaces_the_first_one_only(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        assert sscard("demo", "--cards", "1", "--out", str(out)).exit_code == 0
    assert len(images(out)) == 2
    (tmp_path / "mine").write_text("keep")
    refused = sscard("demo", "--out", str(tmp_path))
    assert refused.exit_code == 1
    assert "not empty" in refused.output
    assert (tmp_path / "mine").read_text() == "keep"


def test_read_recognises_the_card(demo: Path) -> None:
    result = sscard("read", "--json", "--reader", image_of(demo, "regions/dalian-bank"))
    assert result.exit_code == 0, result.output
    value = json.loads(result.stdout)
    assert value["profile"] == "regions/dalian"
    by_path = {item["path"]: item for item in value["items"]}
    assert len(by_path) == 14
    assert by_path["SSSE.EF06.0A"]["meaning"]["en"] in ("male", "female")


def test_read_says_what_is_closed_and_opens_it_with_keys(demo: Path) -> None:
    reader = image_of(demo, "regions/urumqi-bank")
    closed = sscard("read", "--reader", reader)
    assert closed.exit_code == 0
    assert "closed: key:RKSSSE" in closed.output
    opened = sscard("read", "--keys", "--json", "--reader", reader, env=home(demo))
    assert opened.exit_code == 0, opened.output
    assert json.loads(opened.stdout)["closed"] == {}


def test_read_by_name_and_with_the_pin(demo: Path) -> None:
    reader = image_of(demo, "regions/dalian-bank")
    env = {"SSCARD_PIN": "123456"}
    result = sscard("read", "--pin", "联系电话", "--json", "--reader", reader, env=env)
    (item,) = json.loads(result.stdout)["items"]
    assert item["path"] == "DF01.EF06.28"
    assert len(item["value"]) == 11


def test_read_everything_as_a_person_sees_it(demo: Path) -> None:
    reader = image_of(demo, "regions/dalian-bank")
    result = sscard("--lang", "zh", "read", "--all", "--keys", "--reader", reader, env=home(demo))
    assert result.exit_code == 0, result.output
    for words in ("持卡人的基本信息文件", "照片信息文件", "4096 字节", "未写入", "姓名"):
        assert words in result.output


def test_a_wrong_pin_is_told_and_the_card_not_tried_again(demo: Path) -> None:
    reader = image_of(demo, "regions/urumqi-bank")
    env = {"SSCARD_PIN": "999999"}
    result = sscard("read", "--pin", "--reader", reader, env=env)
    assert result.exit_code == 1
    assert "2 tries left" in result.output
    assert "999999" not in result.output


def test_another_profile_than_the_cards(demo: Path) -> None:
    reader = image_of(demo, "regions/dalian-bank")
    result = sscard("read", "--profile", "urumqi", "--reader", reader)
    assert result.exit_code == 1
    assert "region 210200" in result.output
    assert "leave --profile out" in result.output


def test_activate_from_the_command_line(demo: Path) -> None:
    reader = image_of(demo, "regions/urumqi-bank")
    env = home(demo) | {"SSCARD_PIN": "123456", "SSCARD_NEW_PIN": "314159"}
    done = sscard("card", "activate", "--reader", reader, env=env)
    assert done.exit_code == 0, done.output
    status = json.loads(sscard("batch", "status", "--json", env=home(demo)).stdout)
    assert sum(batch["states"].get("activated", 0) for batch in status["batches"]) >= 2
    again = sscard("card", "activate", "--reader", reader, env=env)
    assert again.exit_code == 1
    assert "activated" in again.output


def test_activation_without_a_ledger(demo: Path, tmp_path: Path) -> None:
    copy = tmp_path / "card.img"
    copy.write_bytes(
        Path(image_of(demo, "regions/dalian-bank").removeprefix("virtual:")).read_bytes()
    )
    (tmp_path / "pin").write_text("123456\n")
    (tmp_path / "new").write_text("271828\n")
    result = sscard(
        "card",
        "activate",
        "--profile",
        "dalian",
        "--pin-file",
        str(tmp_path / "pin"),
        "--new-pin-file",
        str(tmp_path / "new"),
        "--json",
        "--reader",
        f"virtual:{copy}",
        env={"SSCARD_HOME": str(tmp_path)},
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "activated": True,
        "recorded": False,
        "replayed": False,
        "profile": "regions/dalian",
    }


def test_apdu_shows_commands_answers_and_their_meaning(demo: Path) -> None:
    reader = image_of(demo, "regions/dalian-bank")
    select = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
    result = sscard("apdu", select, "00B2030400", "--reader", reader)
    assert result.exit_code == 1
    assert "< 6986 no current elementary file" in result.output
    raw = sscard("apdu", "--raw", "--json", select + "00", "--reader", reader)
    assert json.loads(raw.stdout) == [{"command": select + "00", "data": "", "sw": "6118"}]
    whole = sscard("apdu", "--json", select + "00", "--reader", reader)
    assert json.loads(whole.stdout)[0]["data"].startswith("6F16840F")


@pytest.mark.parametrize("command", ["00A4", "zz", "00A4000005EF05"])
def test_apdu_that_is_none(demo: Path, command: str) -> None:
    result = sscard("apdu", command, "--reader", image_of(demo, "regions/dalian-bank"))
    assert result.exit_code == 1
    assert "for example" in result.output


def test_help_of_every_command() -> None:
    commands = ("demo", "doctor", "readers", "read", "apdu", "sim", "profile", "keys", "batch")
    listed = sscard("--help")
    for name in (*commands, "card"):
        assert name in listed.output
        assert sscard(name, "--help").exit_code == 0
    assert sscard("nonsense").exit_code == 2


def test_both_batches_bear_the_application_of_the_bank(demo: Path) -> None:
    """Name, number of the document and PAN are those of the social security application."""
    summary = json.loads((demo / "summary.json").read_text())
    for batch in summary["batches"]:
        assert batch["bank"]["offline_authentication"]["passed"] is True
    image = f"virtual:{batch['bank']['card']}"
    bank = json.loads(sscard("bank", "read", "--sm", "--json", "--reader", image).stdout)
    env = home(demo)
    own = sscard(
        "read", "SSSE.EF06.08", "SSSE.EF06.09", "--keys", "--json", "--reader", image, env=env
    )
    values = {item["path"]: item["value"] for item in json.loads(own.stdout)["items"]}
    assert bank["identity_number"] == values["SSSE.EF06.08"]
    assert bank["holder"] == values["SSSE.EF06.09"]
