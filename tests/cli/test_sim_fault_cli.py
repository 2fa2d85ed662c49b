"""``sscard sim fault``: orders, lists, takes back; what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sscard_ic.cli import root
from sscard_ic.profile import load
from sscard_ic.reader.virtual import new_blank
from sscard_ic.simulator import Fault, FaultFile


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return new_blank(load("dalian"), tmp_path)


def run(*arguments: str | Path, lang: str = "en") -> Result:
    return CliRunner().invoke(root, ["--lang", lang, *map(str, arguments)])


def fault(image: Path, *arguments: str, lang: str = "en") -> Result:
    return run("sim", "fault", image, *arguments, lang=lang)


def ordered(image: Path) -> list[Fault]:
    return list(FaultFile(image).read().values())


@pytest.mark.parametrize(
    ("arguments", "expected", "words"),
    [
        (["removed"], Fault("removed"), "the card is taken out, once"),
        (
            ["removed", "--after", "5", "--times", "2"],
            Fault("removed", after=5, times=2),
            "after 5 exchanges: the card is taken out, 2 times",
        ),
        (
            ["slow", "--milliseconds", "200"],
            Fault("slow", milliseconds=200),
            "the answer comes late (200 ms), always",
        ),
        (["mute", "--times", "0"], Fault("mute", times=0), "no answer to a command, always"),
        (["mute-reset", "--after", "1"], Fault("mute-reset", after=1), "after 1 resets: no answer"),
        (["torn-before", "--after", "9"], Fault("torn-before", after=9), "after 9 writes: the"),
        (["torn-after"], Fault("torn-after"), "the power fails after a write, no answer, once"),
        (["status", "--status", "6f00"], Fault("status", status=0x6F00), "word (6F00), once"),
        (["bit-error"], Fault("bit-error"), "one bit of the answer is wrong, once"),
        (["bit-error", "--bit", "7"], Fault("bit-error", bit=7), "wrong (bit 7), once"),
        (["reset"], Fault("reset"), "as by another program, once"),
    ],
)
def test_orders(image: Path, arguments: list[str], expected: Fault, words: str) -> None:
    result = fault(image, *arguments)
    assert result.exit_code == 0, result.output
    assert ordered(image) == [expected]
    assert "on order: " in result.stderr
    assert words in result.stderr
    assert words in fault(image, "--list").stdout


def test_list_and_clear(image: Path) -> None:
    assert "no faults are on order" in fault(image, "--list").stderr
    fault(image, "removed", "--after", "3")
    fault(image, "status", "--status", "6581")
    lines = fault(image, "--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["fault", "removed", "status"]
    assert "3 次交互正常之后，卡被取出，1 次" in fault(image, "--list", lang="zh").stdout
    cleared = fault(image, "--clear")
    assert cleared.exit_code == 0
    assert "no faults are on order" in cleared.stderr
    assert ordered(image) == []


def test_json(image: Path) -> None:
    first = {"kind": "status", "after": 2, "times": 1, "status": "6581"}
    second = {"kind": "slow", "after": 0, "times": 0, "milliseconds": 5}
    made = fault(image, "status", "--after", "2", "--status", "6581", "--json")
    assert json.loads(made.stdout) == {"image": str(image), "faults": [first]}
    fault(image, "slow", "--milliseconds", "5")
    listed = json.loads(fault(image, "--list", "--json").stdout)
    assert listed["faults"] == [first, second]
    assert json.loads(fault(image, "--clear", "--json").stdout)["faults"] == []


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ([], "give one KIND of fault, or --list, or --clear"),
        (["--list", "--clear"], "give one KIND"),
        (["removed", "--list"], "give one KIND"),
        (["--clear", "--after", "1"], "go with a KIND of fault only"),
        (["burnt"], "'burnt' is not one of 'removed', 'slow'"),
        (["slow"], "--milliseconds: the fault slow needs it"),
        (["slow", "--milliseconds", "60001"], "--milliseconds: a whole number from 0 to"),
        (["removed", "--bit", "3"], "--bit: only the fault bit-error takes it"),
        (["status"], "--status: the fault status needs it"),
        (["status", "--status", "9"], "'--status': a status word has 4 hex digits"),
        (["removed", "--after", "-1"], "'--after': -1 is not in the range"),
    ],
)
def test_usage(image: Path, arguments: list[str], match: str) -> None:
    result = fault(image, *arguments)
    assert result.exit_code == 2
    assert match in result.output
    assert ordered(image) == []


def test_what_is_no_image(tmp_path: Path) -> None:
    result = fault(tmp_path / "nothing.img", "removed")
    assert result.exit_code == 1
    assert "No such file" in result.output
    other = tmp_path / "notes.txt"
    other.write_text("no card\n")
    for arguments in (["removed"], ["--list"], ["--clear"]):
        result = fault(other, *arguments)
        assert result.exit_code == 1
        assert "not an image of a virtual card" in result.output
    assert list(tmp_path.iterdir()) == [other]


def test_a_damaged_file_of_faults(image: Path) -> None:
    file = FaultFile(image).path
    file.write_text("{")
    for arguments in (["removed"], ["--list"]):
        result = fault(image, *arguments, "--json")
        assert result.exit_code == 1
        error = json.loads(result.stdout)["error"]
        assert error["where"] == str(file)
        assert error["message"] == "the file of faults is damaged: no JSON"
        assert "--clear" in error["hint"]
    assert fault(image, "--clear").exit_code == 0
    assert fault(image, "removed").exit_code == 0


def test_the_next_session_meets_the_fault(image: Path) -> None:
    fault(image, "removed", "--after", "1")
    apdu = ("apdu", "--reader", f"virtual:{image}", "0084000008", "0084000008")
    first = run(*apdu)
    assert first.exit_code == 1
    assert "9000" in first.stdout
    assert f"{image}: the card was taken out while it was in use" in first.stderr
    second = run(*apdu)
    assert second.exit_code == 0, second.output


def test_the_image_is_only_looked_at(image: Path) -> None:
    before = image.read_bytes(), image.stat().st_mtime_ns
    fault(image, "removed")
    assert (image.read_bytes(), image.stat().st_mtime_ns) == before
