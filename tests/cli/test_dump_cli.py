"""``sscard dump``, ``diff``, ``sim new --from`` and odd cards in ``read``."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.old_region import write_old_region

from sscard_ic.base.secret import Secret
from sscard_ic.cli import root
from sscard_ic.keys import create_test_vault
from sscard_ic.profile import load

EF05 = bytes.fromhex(
    "0110 43029 9D156000005 0000 0013 3A05F2E3 020133 0304322E3000"
    "040C 9156000002430200430100D5 050432303132 060432303232 0709423030303030313331".replace(
        " ", ""
    )
)
"""The answer of a real card to READ RECORD of all of EF05 (ref 01 §12.1)."""


def plain_env(folder: Path, **more: str) -> dict[str, str]:
    return {
        "SSCARD_HOME": str(folder / "home"),
        "SSCARD_LANG": "en",
        "SSCARD_PASSPHRASE": "x",
        "SSCARD_PIN": "123456",
        "COLUMNS": "250",
        **more,
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished card, a home with a vault, and a dump of the card."""
    folder = tmp_path_factory.mktemp("dump")
    reader = f"virtual:{folder / 'card.img'}"
    for arguments in (
        ("sim", "new", "--profile", "dalian", "--state", "personalized", "--out", str(folder)),
        ("keys", "init", "--test"),
        ("dump", "--reader", reader, "--pin", "--keys", "--out", str(folder / "a.json")),
    ):
        result = CliRunner(env=plain_env(folder)).invoke(root, list(arguments))
        assert result.exit_code == 0, result.output
        for image in folder.glob("*.img"):
            image.rename(folder / "card.img")
    return folder


class Desk:
    """A copy of it, in which commands are given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.card = folder / "card.img"
        self.dump = folder / "a.json"

    def sscard(self, *arguments: str, **environment: str) -> Result:
        reader = {"SSCARD_READER": f"virtual:{self.card}"}
        runner = CliRunner(env=plain_env(self.folder, **{**reader, **environment}))
        return runner.invoke(root, list(arguments))

    def done(self, *arguments: str, exit_code: int = 0, **environment: str) -> Result:
        result = self.sscard(*arguments, **environment)
        assert result.exit_code == exit_code, result.output
        return result

    def changed(self, **changes: Any) -> Path:
        document = json.loads(self.dump.read_text(encoding="utf-8")) | changes
        path = self.folder / "changed.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    def remake(self, dump: Path) -> Result:
        """Another card takes the place of the first."""
        result = self.done("sim", "new", "--from", str(dump), "--out", str(self.folder / "new"))
        (image,) = (self.folder / "new").iterdir()
        image.replace(self.card)
        return result


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Desk:
    shutil.copytree(made, tmp_path / "desk")
    return Desk(tmp_path / "desk")


def test_a_dump_is_whole_and_for_its_owner_only(desk: Desk) -> None:
    document = json.loads(desk.dump.read_text(encoding="utf-8"))
    assert document["format"] == "sscard-dump/1"
    assert document["closed"] == {}
    assert document["account"] == {"balance": 0, "self_paid": 0, "pooled": 0, "year": 0}
    plain = {p.path for p in load("dalian").places if p.file.structure != "cyclic"}
    assert {item["path"] for item in document["items"]} >= plain
    assert stat.S_IMODE(desk.dump.stat().st_mode) == 0o600
    assert json.loads(desk.done("dump", "--pin", "--keys").stdout) == document


def test_without_keys_and_pin(desk: Desk) -> None:
    result = desk.done("dump")
    document = json.loads(result.stdout)
    assert document["closed"]["DF01.EF06.28"] == "pin or key:RK1DF01"
    assert document["account"] is None
    assert f"{len(document['items'])} items read, {len(document['closed'])} closed" in result.stderr


def test_a_vault_that_lacks_keys(desk: Desk) -> None:
    """A vault for cards of version 1.00, which have no photo and no DF07."""
    keys = {"RKSSSE", "RK1DF07", "RK2DF07", "RK3DF07"}
    vault = desk.folder / "few.json"
    create_test_vault(vault, Secret(b"x"), load("1.00").keys)
    result = desk.done("dump", "--pin", "--keys", "--vault", str(vault))
    closed = json.loads(result.stdout)["closed"]
    assert set(closed.values()) == {f"key:{key}" for key in keys}
    for key in keys:
        assert result.stderr.count(f"there is no 3DES key {key} version 1") == 1
    result = desk.done("read", "--all", "--pin", "--keys", "--vault", str(vault), "--json")
    assert json.loads(result.stdout)["lacking"].keys() == keys
    result = desk.done("read", "DF07", "--keys", "--vault", str(vault), SSCARD_LANG="zh")
    assert "因此有数据项未开放：没有 3DES 密钥 RK1DF07 版本 1" in result.stderr


def test_diff(desk: Desk) -> None:
    assert "0 items differ." in desk.done("diff", str(desk.dump), str(desk.dump)).stderr
    desk.done("write", "--yes", "SSSE.EF06.0A=9", "DF01.EF06.28=")
    after = desk.folder / "b.json"
    desk.done("dump", "--pin", "--keys", "--out", str(after))
    result = desk.done("diff", str(desk.dump), str(after), exit_code=1)
    assert "contact telephone" in result.stdout
    assert "2 items differ." in result.stderr
    found = json.loads(desk.done("diff", str(desk.dump), str(after), "--json", exit_code=1).stdout)
    assert [item["path"] for item in found["items"]] == ["SSSE.EF06.0A", "DF01.EF06.28"]
    assert found["items"][0]["after"] == {"value": "9", "raw": "39"}
    assert (found["same"], found["atr"], found["only_second"]) == (False, None, [])


def test_what_is_closed_is_not_compared(desk: Desk) -> None:
    part = desk.folder / "part.json"
    desk.done("dump", "--out", str(part))
    result = desk.done("diff", str(part), str(desk.dump))
    assert "0 items differ" in result.stderr
    assert "are closed and not compared" in result.stderr


@pytest.mark.parametrize(
    "text", ["", "{}", "[" * 100_000, '{"format": "sscard-dump/1"}', "\x00", "9" * 9000]
)
def test_a_file_that_is_no_dump(desk: Desk, text: str) -> None:
    bad = desk.folder / "bad.json"
    bad.write_text(text, encoding="utf-8")
    for arguments in (("diff", str(bad), str(desk.dump)), ("sim", "new", "--from", str(bad))):
        result = desk.done(*arguments, exit_code=1)
        assert "bad.json" in result.stderr
    bad.write_bytes(b"\xff\xfe{")
    assert "not UTF-8 text" in desk.done("diff", str(bad), str(bad), exit_code=1).stderr


def test_a_dump_of_an_unknown_profile_or_with_a_broken_atr(desk: Desk) -> None:
    strange = desk.changed(profile="regions/nowhere")
    assert "nowhere" in desk.done("diff", str(strange), str(desk.dump), exit_code=1).stderr
    broken = desk.changed(atr="3B")
    result = desk.done("diff", str(broken), str(desk.dump), exit_code=1)
    assert "the answer to reset is cut" in result.stderr
    out = desk.folder / "none"
    desk.done("sim", "new", "--from", str(broken), "--out", str(out), exit_code=1)
    assert not list(out.glob("*.img")), "nothing half made is left"


def test_a_card_made_of_a_dump(desk: Desk) -> None:
    account = {"balance": 500, "self_paid": 0, "pooled": 0, "year": 2026}
    document = desk.changed(account=account)
    result = desk.remake(document)
    assert "a dump has neither" in result.stderr
    assert "Balance and totals of the medical account are not restored" in result.stderr
    after = desk.folder / "b.json"
    desk.done("dump", "--pin", "--keys", "--out", str(after))
    desk.done("diff", str(desk.dump), str(after))
    part = desk.folder / "part.json"
    desk.done("dump", "--out", str(part))
    closed = len(json.loads(part.read_text(encoding="utf-8"))["closed"])
    assert f"{closed} items are not set" in desk.remake(part).stderr


# Odd cards


def real_card(desk: Desk) -> None:
    """EF05 of a real card on a virtual one, its authentication code lost."""
    values, at = {}, 0
    while at < len(EF05):
        tag, length = EF05[at], EF05[at + 1]
        values[f"SSSE.EF05.{tag:02X}"] = EF05[at + 2 : at + 2 + length]
        at += 2 + length
    values["SSSE.EF05.01"] = values["SSSE.EF05.01"][:12] + b"\xff" * 4
    items = [{"path": path, "raw": raw.hex()} for path, raw in values.items()]
    desk.remake(desk.changed(items=items))


ODDITIES = {
    "SSSE.EF05.01": "the authentication code is not set",
    "SSSE.EF05.03": "not a version of the form N.NN",
    "SSSE.EF05.05": "ASCII characters where BCD digits belong",
    "SSSE.EF05.06": "ASCII characters where BCD digits belong",
}


def test_the_real_card_is_shown_with_what_is_odd(desk: Desk) -> None:
    assert len(EF05) == 64
    real_card(desk)
    result = desk.done("read")
    ef05, ef06 = result.stdout.split("\n\n")[:2]
    lines = {line.split()[0]: line for line in ef05.splitlines() if line}
    assert "remarks" in lines["tag"]
    for path, oddity in ODDITIES.items():
        assert oddity in lines[path[-2:]]
    assert "2012" in lines["05"]
    assert "2.0" in lines["03"]
    assert "remarks" not in ef06, "nothing is odd there"
    found = json.loads(desk.done("read", "--json").stdout)
    told = {item["path"]: item["remarks"] for item in found["items"] if item["remarks"]}
    assert {path: told[path] for path in ODDITIES} == {p: [o] for p, o in ODDITIES.items()}


def test_the_real_card_in_a_dump(desk: Desk) -> None:
    real_card(desk)
    items = json.loads(desk.done("dump").stdout)["items"]
    told = {item["path"]: [remark["en"] for remark in item["remarks"]] for item in items}
    assert {path: told[path] for path in ODDITIES} == {p: [o] for p, o in ODDITIES.items()}
    raw = {item["path"]: item["raw"] for item in items}
    assert raw["SSSE.EF05.05"] == "32303132"


@pytest.fixture
def old(desk: Desk) -> Desk:
    """A card of version 1.00 in the reader, an example in every item."""
    file = write_old_region(desk.folder)
    profile = load(str(file))
    values = profile.example_values() | {
        "SSSE.EF05.01": bytes.fromhex("210200D156000005000000012C1AB8D8")
    }
    items = [{"path": path, "raw": raw.hex()} for path, raw in values.items()]
    desk.remake(desk.changed(profile=str(file), items=items))
    return desk


def test_items_of_later_versions_on_an_old_card(old: Desk) -> None:
    profile = ("--profile", str(old.folder / "old.toml"), "--pin")
    before = old.done("read", "DF01.EF0A", "DF03.EF07", *profile, "--keys").stdout
    assert "wages" in before and "remarks" not in before
    changes = ("nationality=CHN", "养老保险险种类型=110", "养老保险参保地所属行政区划代码=210200")
    result = old.done("write", *changes, *profile, "--yes")
    assert "3 items written and read back." in result.stderr
    assert "210200" in result.stdout
    after = old.done("read", "DF01.EF0A", *profile, "--keys").stdout
    line = next(line for line in after.splitlines() if line.startswith("37"))
    assert "nationality" in line
    assert "CHN" in line
    assert "filled with E" in line
    found = json.loads(old.done("read", "nationality", *profile, "--keys", "--json").stdout)
    assert [(i["path"], i["en"], i["value"]) for i in found["items"]] == [
        ("DF01.EF0A.37", "nationality", "CHN")
    ]
    dump = json.loads(old.done("dump", *profile, "--keys").stdout)
    raw = {item["path"]: item["raw"] for item in dump["items"]}
    assert raw["DF01.EF0A.37"] == "43484EEE"
    assert raw["DF03.EF07.71"] == "210200EE"
    assert raw["DF03.EF07.70"] == "313130"
    result = old.done("write", "DF03.EF07.70=120", *profile, "--yes")
    assert "120" in result.stdout
    refused = old.done("write", "就业登记类型及形式=10010", *profile, "--yes", exit_code=1)
    assert "rewriting is not possible on an old card" in refused.stderr
