"""``sscard explain`` as a person uses it, and words in ``trace show`` and ``apdu``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sscard_ic.cli import root

SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
TRACE = """\
# sscard trace 1
# reader: Virtual PCD 00 00
# started: 2026-11-21T08:00:00Z
# redacted: yes
R cold 3B6D000000814842428653 ‹6 bytes›
> 00A404000F7378312E73682EC9E7BBE1B1A3D5CF
< 6118 8.214
> 00B2012C12
< 0110 210200D156000005 ‹8 bytes› 9000 9.118
> 00200000 ‹3 bytes›
< 63C2 12.551
> 00B2032C06
! removed 3.007
X
"""


def sscard(*arguments: str, lang: str = "en", given: str | bytes | None = None) -> Result:
    env = {"SSCARD_LANG": lang, "SSCARD_READER": "", "COLUMNS": "200"}
    return CliRunner(env=env).invoke(root, list(arguments), input=given)


def lines(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [line.strip() for line in result.stdout.splitlines()]


def test_a_command_and_its_answer() -> None:
    assert lines(sscard("explain", "00B2032C06", "0304322E30309000")) == [
        "1  9000  READ RECORD SSSE.EF05.03 specification version → 2.00  "
        "(nothing selected yet, taken for SSSE)",
        "> 00B2032C06",
        "< 0304322E3030",
        "03 specification version  2.00",
    ]


def test_in_chinese_and_in_short() -> None:
    result = sscard("explain", "--brief", SELECT_SSSE, "9000", "00B2072C0B", "6A83", lang="zh")
    assert lines(result) == [
        "1  9000  选择 SSSE 社会保障系统环境",
        "2  6A83  读记录 SSSE.EF05.07 卡号 → 没有该记录",
    ]


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["9000"], "9000 success"),
        (["00", "A4", "00", "00", "02", "EF", "05"], "SELECT SSSE.EF05 card-issuer data"),
        (["00 A4 00 00 02 EF 05"], "SELECT SSSE.EF05 card-issuer data"),
        (["3B6D0000008148424286535119000013DF"], "T=0, chip maker 0081 Huada, region 5119 Bazhong"),
        (["6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E"], "SFI of the directory file SFI 1E"),
        (["--as", "answer", "6982"], "6982 security condition not satisfied"),
        (["--profile", "3.00", "00B2013400", "6982"], None),
        (["F1F2F3"], "3 bytes that are nothing known"),
    ],
)
def test_kinds(arguments: list[str], first: str | None) -> None:
    result = sscard("explain", *arguments)
    assert result.exit_code == 0, result.output
    if first is not None:
        assert result.stdout.splitlines()[0].strip().removeprefix("6982  ") == first


def test_the_profile_decides_what_a_refusal_lacks() -> None:
    arguments = ("explain", "--brief", SELECT_SSSE, "9000", "00B2013400", "6982")
    assert "the rule says: free" in sscard(*arguments).stdout
    assert "needs RKSSSE" in sscard(*arguments, "--profile", "3.00").stdout


def test_standard_input_and_files(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("# log\n> 00A4000002EF05\n< 9000\n", encoding="utf-8")
    expected = "2  9000  SELECT SSSE.EF05 card-issuer data"
    assert lines(sscard("explain", "--brief", str(log))) == [expected]
    for arguments in ((), ("-",)):
        result = sscard("explain", "--brief", *arguments, given=log.read_text(encoding="utf-8"))
        assert lines(result) == [expected]


def test_a_trace(tmp_path: Path) -> None:
    trace = tmp_path / "a.trace"
    trace.write_text(TRACE, encoding="utf-8")
    expected = [
        "2026-11-21T08:00:00Z  Virtual PCD 00 00  T=0  redacted",
        "R        cold reset → T=0, chip maker 0081 Huada",
        "1  6118  SELECT SSSE social security system environment → 24 bytes available",
        "2  9000  READ RECORD SSSE.EF05.01 card identification code → 210200D156000005 ‹8 bytes›",
        "3  63C2  VERIFY the PIN of SSSE → verification failed, 2 tries left",
        "4        READ RECORD SSSE.EF05.03 specification version  "
        "(no answer: the card was taken out of the reader)",
    ]
    told = lines(sscard("explain", "--brief", str(trace)))
    assert told[:5] == expected[:5]
    assert told[5].startswith(
        "4        READ RECORD SSSE.EF05.03 specification version  (no answer:"
    )
    assert told[-1].startswith("4 exchanges, ")
    assert lines(sscard("trace", "show", "--explain", "--brief", str(trace))) == told
    assert lines(sscard("explain", "--brief", "-", given=TRACE)) == told
    whole = lines(sscard("trace", "show", "--explain", str(trace)))
    assert "> 00200000 ‹3 bytes›" in whole
    assert "issuing city            210200 Dalian" in whole


def test_a_damaged_trace_is_explained_as_far_as_it_goes(tmp_path: Path) -> None:
    trace = tmp_path / "a.trace"
    trace.write_text(TRACE.replace("< 63C2", "< 63Cx"), encoding="utf-8")
    result = sscard("explain", "--brief", str(trace))
    assert result.exit_code == 1
    assert "a.trace:11: " in result.stderr
    assert "SELECT SSSE" in result.stdout


# -- JSON ------------------------------------------------------------------------------------


def test_json() -> None:
    result = sscard("explain", "--json", SELECT_SSSE, "9000", "00B2032C06", "0304322E30309000")
    answer = json.loads(result.stdout)
    assert answer["profile"] == "national/2.00"
    select, read = answer["explained"]
    assert select["place"] == "SSSE"
    assert read == {
        "line": None,
        "type": "exchange",
        "summary": {
            "zh": "读记录 SSSE.EF05.03 规范版本 → 2.00",
            "en": "READ RECORD SSSE.EF05.03 specification version → 2.00",
        },
        "name": {"zh": "读记录", "en": "READ RECORD"},
        "place": "SSSE.EF05.03",
        "command": "00B2032C06",
        "details": [],
        "data": "0304322E3030",
        "answer": [
            {
                "tag": "03",
                "name": {"zh": "规范版本", "en": "specification version"},
                "value": {"zh": "2.00", "en": "2.00"},
                "bytes": "322E3030",
                "remarks": [],
                "parts": [],
            }
        ],
        "sw": "9000",
        "meaning": {"zh": "成功", "en": "success"},
        "remarks": [],
    }


def test_json_of_a_trace(tmp_path: Path) -> None:
    trace = tmp_path / "a.trace"
    trace.write_text(TRACE, encoding="utf-8")
    explained = json.loads(sscard("explain", "--json", str(trace)).stdout)
    shown = json.loads(sscard("trace", "show", "--explain", "--json", str(trace)).stdout)
    assert explained == shown
    (session,) = explained["sessions"]
    assert session["profile"] == "regions/dalian"
    assert [event["explained"]["type"] for event in session["events"]] == [
        "reset",
        "exchange",
        "exchange",
        "exchange",
        "command",
    ]
    plain = json.loads(sscard("trace", "show", "--json", str(trace)).stdout)
    assert "explained" not in plain["sessions"][0]["events"][0]


# -- secrets ---------------------------------------------------------------------------------


def test_a_pin_is_not_repeated() -> None:
    result = sscard("explain", "0020000003314159", "63C2", "8020000003314159")
    assert "VERIFY the PIN of SSSE → verification failed, 2 tries left" in result.stdout
    assert "314159" not in result.output
    shown = sscard("explain", "--with-secrets", "0020000003314159")
    assert "> 0020000003314159" in shown.stdout
    assert "WARNING: PINs and keys are shown in clear!" in shown.stderr


def test_a_trace_with_secrets_does_not_show_them(tmp_path: Path) -> None:
    trace = tmp_path / "a.trace"
    trace.write_text(
        "# sscard trace 1\n# redacted: no\nR cold 3B00\n> 0020000003314159\n< 9000 1.000\n",
        encoding="utf-8",
    )
    for arguments in (("explain",), ("explain", "--json"), ("trace", "show", "--explain")):
        assert "314159" not in sscard(*arguments, str(trace)).output
    assert "314159" in sscard("explain", "--with-secrets", str(trace)).stdout


# -- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "given", "error"),
    [
        (["00A"], None, "00A: an odd number of hex digits"),
        ([""], None, "there are no bytes"),
        (["nonsense"], None, "nonsense: neither hex digits nor a file that exists"),
        (["nowhere.trace"], None, "nowhere.trace: "),
        (["-"], "", "-: there is nothing to explain"),
        (["-"], "# only a comment\n", "-: there is nothing to explain"),
        (["-"], "00A4\nhello\n", "-:2: neither hex digits"),
        (["-"], b"\xff\xfe\x00\x01", "-: neither a trace nor text"),
        (["--as", "trace", "9000"], None, "a trace is one file and stands alone"),
        (["--profile", "nosuch", "9000"], None, "nosuch: there is no such profile"),
    ],
)
def test_bad_input_is_told(arguments: list[str], given: str | bytes | None, error: str) -> None:
    result = sscard("explain", *arguments, given=given)
    assert result.exit_code == 1
    assert error in result.stderr
    assert "→" in result.stderr
    assert "Traceback" not in result.output


def test_errors_never_repeat_a_whole_argument() -> None:
    result = sscard("explain", "00200000033141592")
    assert result.exit_code == 1
    assert "3141592" not in result.output


def test_traces_stand_alone(tmp_path: Path) -> None:
    trace = tmp_path / "a.trace"
    trace.write_text(TRACE, encoding="utf-8")
    result = sscard("explain", str(trace), "9000")
    assert result.exit_code == 1
    assert "a trace is one file and stands alone" in result.stderr


# -- apdu ------------------------------------------------------------------------------------


def test_raw_commands_in_words(tmp_path: Path) -> None:
    new = ("sim", "new", "--profile", "dalian", "--state", "personalized", "--out", str(tmp_path))
    assert sscard(*new).exit_code == 0
    (image,) = tmp_path.glob("*.img")
    reader = ("--reader", f"virtual:{image}")
    commands = (f"{SELECT_SSSE}00", "00B2032C06", "00A4000002DF01", "00B2012C00")
    result = sscard("apdu", "-v", *commands, *reader)
    assert result.exit_code == 1  # the last answer is a refusal
    told = [line.strip() for line in result.stdout.splitlines()]
    assert "9000  READ RECORD SSSE.EF05.03 specification version → 2.00" in told
    assert (
        "6982  READ RECORD DF01.EF05.20 household registration type "
        "→ needs PIN or RK1DF01; nothing presented so far"
    ) in told
    plain = sscard("apdu", "--json", "00B2032C06", *reader)
    assert "explained" not in json.loads(plain.stdout)[0]
    verbose = sscard("apdu", "-v", "--json", "0020000003314159", *reader)
    (answer,) = json.loads(verbose.stdout)
    assert answer["explained"]["name"]["en"] == "VERIFY"
    assert answer["explained"]["command"] == "00200000 ‹3 bytes›"
