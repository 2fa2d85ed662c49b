"""``sscard trace``: recorded, shown and replayed as a person does."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.plant import import_rows, make_vault, open_ledger

from sscard_ic.cli import root
from sscard_ic.issuance.run import run_batch
from sscard_ic.issuance.station import Station
from sscard_ic.ledger import CardState
from sscard_ic.profile import load
from sscard_ic.reader.virtual import deck_of, new_blank

PIN, NEW_PIN = "123456", "314159"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image of a finished card."""
    folder = tmp_path_factory.mktemp("cards")
    new = ("sim", "new", "--profile", "dalian", "--state", "personalized", "--out", str(folder))
    assert CliRunner().invoke(root, new).exit_code == 0
    (image,) = folder.glob("*.img")
    return image


class Desk:
    """A folder with a card, in which commands are given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.card = f"virtual:{folder / 'card.img'}"
        self.trace = folder / "a.trace"

    def sscard(self, *arguments: str, **environment: str) -> Result:
        env = {"SSCARD_HOME": str(self.folder / "home"), "SSCARD_LANG": "en", "SSCARD_READER": ""}
        env["COLUMNS"] = "200"
        pins = {"SSCARD_PIN": PIN, "SSCARD_NEW_PIN": NEW_PIN}
        return CliRunner(env={**env, **pins, **environment}).invoke(root, list(arguments))

    def record(self, *arguments: str) -> Result:
        return self.sscard("trace", "record", str(self.trace), *arguments)

    def replay(self, *arguments: str) -> Result:
        return self.sscard("trace", "replay", str(self.trace), *arguments)

    @property
    def text(self) -> str:
        return self.trace.read_text(encoding="utf-8")


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Desk:
    shutil.copyfile(made, tmp_path / "card.img")
    return Desk(tmp_path)


# -- record ----------------------------------------------------------------------------------


def test_a_command_is_recorded_without_what_it_read(desk: Desk) -> None:
    plain = desk.sscard("read", "--json", "--reader", desk.card)
    recorded = desk.record("--", "read", "--json", "--reader", desk.card)
    assert recorded.exit_code == 0
    assert recorded.stdout == plain.stdout
    assert recorded.stderr == f"Recorded 7 exchanges: {desk.trace}\n"
    assert desk.text.startswith("# sscard trace 1\n")
    assert "\n> 00A404000F7378312E73682EC9E7BBE1B1A3D5CF\n< 6118 " in desk.text
    values = {item["zh"]: item["value"] for item in json.loads(plain.stdout)["items"]}
    birth = bytes.fromhex(values["出生日期"].replace("-", ""))
    hidden = (values["姓名"].encode("gb18030"), values["社会保障号码"].encode(), birth)
    hexed = desk.text.replace(" ", "")
    assert hexed.endswith("X\n")
    assert values["规范版本"].encode().hex().upper() in hexed
    assert [value for value in hidden if value.hex().upper() in hexed] == []


def test_a_pin_is_not_recorded(desk: Desk) -> None:
    result = desk.record("--", "card", "activate", "--json", "--reader", desk.card)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["replayed"] is False
    assert "\n> 00200000 ‹3 bytes›\n< 9000 " in desk.text
    assert "\n> 805E0100 ‹7 bytes›\n< 9000 " in desk.text
    assert PIN not in desk.text
    assert NEW_PIN not in desk.text


def test_raw_commands_are_recorded_as_they_are(desk: Desk) -> None:
    commands = ("00A40000023F00", "00C0000017", "00A4000002DDF1", "0020000003999999")
    result = desk.record("--", "apdu", "--raw", *commands, "--reader", desk.card)
    assert result.exit_code == 1  # the last answer is an error
    assert "Recorded 4 exchanges" in result.stderr
    assert "\n> 00A40000023F00\n< 6117 " in desk.text
    assert "\n> 00C0000017\n< 6F15840E315041592E5359532E4444463031" in desk.text
    assert "\n> 00200000 ‹3 bytes›\n< 63C2 " in desk.text
    assert "999999" not in desk.text


def test_secrets_only_with_the_switch_and_a_warning(desk: Desk) -> None:
    result = desk.record("--with-secrets", "--", "card", "activate", "--reader", desk.card)
    assert result.exit_code == 0, result.output
    assert "WARNING: this file will hold PINs, keys and personal data" in result.stderr
    assert "警告" in result.stderr
    assert "# redacted: no\n" in desk.text
    assert f"\n> 0020000003{PIN}\n" in desk.text
    assert stat.S_IMODE(os.stat(desk.trace).st_mode) == 0o600


def test_a_file_that_becomes_secret_becomes_private(desk: Desk) -> None:
    desk.trace.write_text(TRACE, encoding="utf-8")
    desk.trace.chmod(0o644)
    result = desk.record("--with-secrets", "--force", "--", "read", "--reader", desk.card)
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE(os.stat(desk.trace).st_mode) == 0o600
    assert desk.text.startswith("# sscard trace 1\n")
    assert "Virtual PCD" not in desk.text


def test_an_existing_file_is_kept_without_force(desk: Desk) -> None:
    desk.trace.write_text(TRACE, encoding="utf-8")
    refused = desk.record("--", "card", "activate", "--reader", desk.card)
    assert refused.exit_code == 1
    assert "the file exists already" in refused.stderr
    assert "--force" in refused.stderr
    assert desk.text == TRACE
    # The card was not touched either: its initial PIN is still there.
    assert desk.record("--force", "--", "card", "activate", "--reader", desk.card).exit_code == 0
    assert "Virtual PCD" not in desk.text


def test_a_file_that_is_no_trace_is_kept_even_with_force(desk: Desk) -> None:
    desk.trace = desk.folder / "card.img"
    content = desk.trace.read_bytes()
    refused = desk.record("--force", "--", "read", "--reader", desk.card)
    assert refused.exit_code == 1
    assert "the file exists and is no trace" in refused.stderr
    assert desk.trace.read_bytes() == content


def test_a_command_without_a_card(desk: Desk) -> None:
    desk.trace.write_text(TRACE, encoding="utf-8")
    result = desk.record("--force", "--", "profile", "list")
    assert result.exit_code == 0
    assert "opened no session with a card; nothing was recorded" in result.stderr
    assert desk.text == TRACE


def test_the_exit_code_is_that_of_the_command(desk: Desk) -> None:
    unknown = desk.record("--", "raed")
    assert unknown.exit_code == 2
    assert "No such command 'raed'" in unknown.stderr
    assert desk.record("--", "read", "--nonsense").exit_code == 2
    assert desk.record().exit_code == 2
    missing = desk.record("--", "read", "--reader", f"virtual:{desk.folder / 'none.img'}")
    assert missing.exit_code == 1
    assert not desk.trace.exists()


def test_a_session_that_fails_is_recorded(desk: Desk) -> None:
    result = desk.record("--", "read", "没有这一项", "--reader", desk.card)
    assert result.exit_code == 1
    assert "Recorded 4 exchanges" in result.stderr
    assert desk.sscard("trace", "show", str(desk.trace)).exit_code == 0


def test_a_folder_that_is_not_there(desk: Desk) -> None:
    result = desk.sscard("trace", "record", str(desk.folder / "no" / "a.trace"), "--", "read")
    assert result.exit_code == 1
    assert "there is no such folder" in result.stderr


# -- show ------------------------------------------------------------------------------------

TRACE = """\
# sscard trace 1
# reader: Virtual PCD 00 00
# started: 2026-11-21T08:00:00Z
# protocol: T=0
# redacted: yes
R cold 3B6D000000814842428653 ‹6 bytes›
> 00A404000F7378312E73682EC9E7BBE1B1A3D5CF
< 6118 8.214
> 00200000 ‹3 bytes›
< 63C2 12.551
> 00D60000 ‹255 bytes›
! removed 3.007
R warm
! mute 1.000
> FF00000001
"""


def shown(desk: Desk, *arguments: str, content: str = TRACE, lang: str = "en") -> Result:
    desk.trace.write_text(content, encoding="utf-8")
    return desk.sscard("trace", "show", str(desk.trace), *arguments, SSCARD_LANG=lang)


def test_a_trace_as_a_table(desk: Desk) -> None:
    result = shown(desk)
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0][:4] == ["2026-11-21T08:00:00Z", "Virtual", "PCD", "00"]
    assert lines[1] == ["#", "line", "command", "bytes", "answer", "SW", "ms"]
    assert lines[2] == ["6", "cold", "reset", "3B6D000000814842428653", "‹6", "bytes›"]
    assert lines[3][:3] == ["1", "7", "SELECT"]
    assert lines[3][-5:] == ["6118", "24", "bytes", "available", "8.214"]
    assert lines[4][:6] == ["2", "9", "VERIFY", "00200000", "‹3", "bytes›"]
    assert " ".join(lines[4][6:]) == "63C2 verification failed, 2 tries left 12.551"
    assert " ".join(lines[5][2:]).endswith("no answer: the card was removed 3.007")
    assert lines[6][:3] == ["13", "warm", "reset"]
    assert lines[7] == ["4", "15", "?", "FF00000001", "(cut", "off", "here)"]
    assert " ".join(lines[-1]) == "4 exchanges, 293 bytes sent, 4 received, 23.772 ms"


def test_a_single_exchange_is_told_as_one(desk: Desk) -> None:
    content = "# sscard trace 1\nR cold 3B00\n> 00\n< 6700 1.000\n"
    assert (
        "\n1 exchange, 1 byte sent, 2 received, 1.000 ms\n" in shown(desk, content=content).stdout
    )


def test_escape_sequences_do_not_reach_the_terminal(desk: Desk) -> None:
    content = TRACE.replace("Virtual PCD", "Virtual\x1b]0;title\x07\x9b PCD")
    assert "Virtual ]0;title PCD 00 00" in shown(desk, content=content).stdout
    assert json.loads(shown(desk, "--json", content=content).stdout)["sessions"][0]["reader"] == (
        "Virtual ]0;title PCD 00 00"
    )


def test_a_trace_as_a_table_in_chinese(desk: Desk) -> None:
    result = shown(desk, lang="zh")
    assert result.exit_code == 0
    for words in ("已脱敏", "状态字", "选择", "校验密码", "还可再试 2 次", "卡被取出", "冷复位"):
        assert words in result.stdout
    assert "4 次交换，发送 293 字节，接收 4 字节，共 23.772 ms" in result.stdout


def test_a_table_that_does_not_fit_is_folded(desk: Desk) -> None:
    desk.trace.write_text(TRACE, encoding="utf-8")
    narrow = desk.sscard("trace", "show", str(desk.trace), COLUMNS="70")
    assert max(map(len, narrow.stdout.splitlines())) <= 70
    assert "Virtual PCD 00 00" in narrow.stdout


def test_long_data_are_cut_in_the_table_and_whole_in_json(desk: Desk) -> None:
    content = f"# sscard trace 1\nR cold 3B00\n> 00B0000000\n< {'AB' * 256} 9000 1.000\n"
    table = shown(desk, content=content)
    assert f"{'AB' * 16}… (256 bytes)" in table.stdout
    value = json.loads(shown(desk, "--json", content=content).stdout)
    assert value["sessions"][0]["events"][1]["data"] == "AB" * 256


def test_a_trace_as_json(desk: Desk) -> None:
    value = json.loads(shown(desk, "--json").stdout)
    (session,) = value["sessions"]
    events = session.pop("events")
    assert session == {
        "line": 1,
        "reader": "Virtual PCD 00 00",
        "started": "2026-11-21T08:00:00Z",
        "protocol": "T=0",
        "redacted": True,
        "program": "",
        "closed": False,
    }
    assert events[0] == {
        "line": 6,
        "type": "cold reset",
        "atr": "3B6D000000814842428653 ‹6 bytes›",
    }
    assert events[2] == {
        "line": 9,
        "type": "exchange",
        "name": {"zh": "校验密码", "en": "VERIFY"},
        "command": "00200000 ‹3 bytes›",
        "data": "",
        "sw": "63C2",
        "meaning": {"zh": "认证失败，还可再试 2 次", "en": "verification failed, 2 tries left"},
        "ms": 12.551,
    }
    assert (events[3]["error"], events[3]["ms"]) == ("removed", 3.007)
    assert events[4] == {"line": 13, "type": "warm reset", "atr": None, "error": "mute", "ms": 1.0}
    assert events[5] == {"line": 15, "type": "exchange", "name": None, "command": "FF00000001"}
    sums = {name: value[name] for name in ("exchanges", "sent", "received", "ms", "damaged")}
    assert sums == {"exchanges": 4, "sent": 293, "received": 4, "ms": 23.772, "damaged": []}


def test_what_is_damaged_is_told_and_the_rest_shown(desk: Desk) -> None:
    damaged = TRACE.replace("63C2 12.551", "63C2")
    result = shown(desk, content=damaged)
    assert result.exit_code == 1
    assert f"{desk.trace}:10: an answer is data, status word and milliseconds" in result.stderr
    assert "no answer: the card was removed" in result.stdout
    value = shown(desk, "--json", content=damaged)
    assert value.exit_code == 1
    (damage,) = json.loads(value.stdout)["damaged"]
    assert damage["line"] == 10
    many = shown(desk, content=TRACE + "X\n" + "junk\n" * 30, lang="zh")
    assert many.stderr.count("不认识的行") == 10
    assert "另有 20 行不能读取" in many.stderr


@pytest.mark.parametrize("content", ["", "junk\n", "# sscard trace 7\nR cold 3B00\n"])
def test_what_is_no_trace_is_not_shown(content: str, desk: Desk) -> None:
    result = shown(desk, content=content)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"{desk.trace}:1: " in result.stderr


def test_a_missing_file(desk: Desk) -> None:
    for command in (("show",), ("replay",)):
        result = desk.sscard(
            "trace", *command, str(desk.trace), *(["--", "read"] * (command == ("replay",)))
        )
        assert result.exit_code == 1
        assert f"{desk.trace}: cannot be read or written" in result.stderr


# -- replay ----------------------------------------------------------------------------------


def test_the_examples_of_the_help_work_one_after_the_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.folder)
    for command in ("record", "replay"):
        said = desk.sscard("trace", command, "--help").stdout
        example = said.partition("For example: sscard ")[2].partition("\n")[0]
        assert example.startswith(f"trace {command} ")
        result = desk.sscard(*example.split())
        assert result.exit_code == 0, result.output


def test_a_full_recording_replays_strictly(desk: Desk) -> None:
    recorded = desk.record("--with-secrets", "--", "read", "--json", "--reader", desk.card)
    (desk.folder / "card.img").unlink()
    replayed = desk.replay("--", "read", "--json")
    assert (replayed.exit_code, replayed.stderr) == (0, "")
    assert replayed.stdout == recorded.stdout
    by_reader = desk.sscard("read", "--json", "--reader", f"replay:{desk.trace}")
    assert by_reader.stdout == recorded.stdout


def test_a_redacted_recording_replays_only_tolerantly(desk: Desk) -> None:
    desk.record("--", "read", "--reader", desk.card)
    strict = desk.replay("--", "read")
    assert strict.exit_code == 1
    assert "the recording is redacted: the answer to 00B2012C is hidden" in strict.stderr
    tolerant = desk.replay("--tolerant", "--", "read", "--json")
    assert tolerant.exit_code == 0
    assert "hidden data are given as 00" in tolerant.stderr
    items = {item["path"]: item["value"] for item in json.loads(tolerant.stdout)["items"]}
    assert items["SSSE.EF05.03"] == "2.00"
    assert items["SSSE.EF06.08"] == ""
    by_reader = desk.sscard("read", "--json", "--reader", f"replay:tolerant:{desk.trace}")
    assert by_reader.stdout == tolerant.stdout
    assert by_reader.stderr == tolerant.stderr
    assert tolerant.stderr.count("This recording is redacted") == 1


def test_an_activation_is_replayed_with_its_pins(desk: Desk) -> None:
    desk.record("--with-secrets", "--", "card", "activate", "--reader", desk.card)
    assert desk.replay("--", "card", "activate").exit_code == 0
    arguments = ("trace", "replay", str(desk.trace), "--", "card", "activate")
    other = desk.sscard(*arguments, SSCARD_PIN="975310")
    assert other.exit_code == 1
    assert "command 00200000 came with other data or another length" in other.stderr
    assert "9753" not in other.output
    assert PIN not in other.output


def test_a_replayed_activation_is_told_to_no_ledger(desk: Desk) -> None:
    profile, vault = load("dalian"), make_vault(desk.folder)
    file = desk.folder / "home" / "ledger.db"
    with open_ledger(file, vault) as ledger:
        batch = import_rows(ledger, profile, desk.folder, 1)
        new_blank(profile, desk.folder / "deck")
        station = Station(deck_of(desk.folder / "deck"), ledger, profile, vault)
        run_batch([station], ledger, batch, profile, vault)
    (image,) = (desk.folder / "deck" / "good").glob("*.img")
    elsewhere = {"SSCARD_HOME": str(desk.folder / "elsewhere")}
    activate = ("card", "activate", "--reader", f"virtual:{image}")
    arguments = ("trace", "record", "--with-secrets", str(desk.trace), "--", *activate)
    assert desk.sscard(*arguments, **elsewhere).exit_code == 0
    replayed = desk.replay("--", "card", "activate")
    assert replayed.exit_code == 0, replayed.output
    assert "It was a recording; no ledger was told." in replayed.stderr
    with open_ledger(file, vault) as ledger:
        assert ledger.counts(batch) == {CardState.VERIFIED: 1}


def test_a_redacted_activation_is_replayed_with_any_pins(desk: Desk) -> None:
    desk.record("--", "card", "activate", "--reader", desk.card)
    arguments = ("trace", "replay", "--tolerant", str(desk.trace), "--", "card", "activate")
    replayed = desk.sscard(*arguments, SSCARD_PIN="975310", SSCARD_NEW_PIN="271828")
    assert replayed.exit_code == 0, replayed.output
    told = json.loads(desk.sscard(*arguments, "--json").stdout)
    assert (told["activated"], told["recorded"], told["replayed"]) == (True, False, True)
    longer = desk.sscard(*arguments, SSCARD_PIN="97531086", SSCARD_NEW_PIN="271828")
    assert longer.exit_code == 1
    assert "the recording holds no command 00200000" in longer.stderr


def test_another_command_than_the_recorded_one(desk: Desk) -> None:
    desk.record("--", "apdu", "00A40000023F00", "--reader", desk.card)
    result = desk.replay("--", "apdu", "00A4000002DDF1")
    assert result.exit_code == 1
    assert (
        "command 00A40000 was recorded, but command 00A40000 came with other data" in result.stderr
    )
    assert f"{desk.trace}:7" in result.stderr


def test_a_recorded_refusal_is_passed_on(desk: Desk) -> None:
    assert desk.record("--", "apdu", "00A4000002DDFF", "--reader", desk.card).exit_code == 1
    replayed = desk.replay("--", "apdu", "00A4000002DDFF")
    assert replayed.exit_code == 1
    assert "< 6A82 file not found" in replayed.stdout


def test_another_reader_in_a_replay(desk: Desk) -> None:
    desk.record("--", "read", "--reader", desk.card)
    for reader in (("--reader", desk.card), (f"--reader={desk.card}",)):
        result = desk.replay("--", "read", *reader)
        assert result.exit_code == 1
        assert "the recording is the reader of a replay" in result.stderr


def test_a_damaged_recording_is_not_replayed(desk: Desk) -> None:
    desk.trace.write_text(TRACE.replace("8.214", ""), encoding="utf-8")
    for arguments in (("--", "read"), ("--tolerant", "--", "read")):
        result = desk.replay(*arguments)
        assert result.exit_code == 1
        assert f"{desk.trace}:8: an answer is data, status word" in result.stderr


def test_the_environment_is_as_before(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.trace.write_text(TRACE, encoding="utf-8")
    monkeypatch.delenv("SSCARD_READER", raising=False)
    runner = CliRunner()
    runner.invoke(root, ["trace", "replay", str(desk.trace), "--", "apdu", "0084000008"])
    assert "SSCARD_READER" not in os.environ
    monkeypatch.setenv("SSCARD_READER", "mine")
    runner.invoke(root, ["trace", "replay", str(desk.trace), "--", "apdu", "0084000008"])
    assert os.environ["SSCARD_READER"] == "mine"
