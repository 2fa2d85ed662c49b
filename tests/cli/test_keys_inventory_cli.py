"""``sscard keys list``, ``show``, ``tree`` and ``export``."""

from __future__ import annotations

import csv
import io
import json
import stat
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sscard_ic.base import Secret
from sscard_ic.cli import root
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.suites import SUITES
from sscard_ic.keys import KeySpec, SoftwareVault
from sscard_ic.keys.hierarchy import RootKey

_PASSPHRASE = Secret(b"correct horse")
_TODAY = datetime.now().astimezone().date()
_YESTERDAY, _TOMORROW = _TODAY - timedelta(days=1), _TODAY + timedelta(days=1)
_CREATED = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
_FIELDS = [
    "name",
    "version",
    "owner",
    "level",
    "factors",
    "use",
    "algorithm",
    "length",
    "valid_from",
    "valid_until",
    "state",
    "destroyed",
    "origin",
    "created",
    "environment",
    "check_value",
]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSCARD_PASSPHRASE_FILE", raising=False)
    monkeypatch.setenv("SSCARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SSCARD_PASSPHRASE", "correct horse")
    monkeypatch.setenv("SSCARD_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")


def _root(spec: KeySpec) -> RootKey:
    algorithm: Any = "sm4" if spec.algorithm == "sm4" else "3des"
    value = published_test_key(spec.name, spec.version, spec.length, algorithm)
    return RootKey.of(spec, Secret(value), _CREATED, "published")


@pytest.fixture(scope="module")
def vault_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of every owner, state and origin."""
    path = tmp_path_factory.mktemp("inventory") / "vault.json"
    specs = [
        KeySpec("IRK", 1, "N1", "internal"),
        KeySpec("STK", 1, "N2", "mac", "des"),
        *(KeySpec("UKSSSE", version, "P1", "external") for version in (1, 2, 3)),
        KeySpec("UKSSSE", 1, "P1", "external", "sm4"),
        KeySpec("RKSSSE", 1, "P1", "external", valid_until=_YESTERDAY),
        KeySpec("RKSSSE", 2, "P1", "external", valid_until=_TODAY),
        KeySpec(
            "RKSSSE", 3, "P1", "external", valid_from=_TOMORROW, valid_until=date(2099, 12, 31)
        ),
        KeySpec("PUK", 1, "C1", "external", valid_from=date(2026, 1, 1)),
        KeySpec("MKSSSE", 1, "maker", "master"),
        KeySpec("TRANSPORT", 1, "maker", "transport"),
        KeySpec("PSAMMK", 1, "maker", "master"),
        KeySpec("PSAMTRANSPORT", 1, "maker", "master"),
        KeySpec("PBOCMK", 1, "bank", "master"),
    ]
    made = SoftwareVault.create(
        path, _PASSPHRASE, environment="test", keys=[_root(spec) for spec in specs]
    )
    with closing(made) as vault:
        vault.generate(KeySpec("ZMK", 1, "site", "wrap", "aes"))
        vault.destroy("UKSSSE", 3, "3des")
    return path


def _run(*arguments: str, language: str = "en") -> Result:
    return CliRunner().invoke(root, ["--lang", language, "keys", *arguments])


def _json(vault: Path, *arguments: str) -> Any:
    result = _run(*arguments, "--json", "--vault", str(vault))
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def _kcv(name: str, version: int = 1, length: int = 16) -> str:
    value = published_test_key(name, version, length)
    return SUITES["3des"].check_value(value).hex().upper()


def _names(told: dict[str, Any]) -> list[tuple[str, int]]:
    return [(key["name"], key["version"]) for key in told["keys"]]


def test_list_json_tells_everything_but_the_bits(vault_path: Path) -> None:
    told = _json(vault_path, "list")
    assert (told["place"], told["environment"]) == (str(vault_path), "test")
    assert all(list(key) == _FIELDS for key in told["keys"])
    keys = {(key["name"], key["version"], key["algorithm"]): key for key in told["keys"]}
    assert keys["STK", 1, "des"] == {
        "name": "STK",
        "version": 1,
        "owner": "ministry",
        "level": "N2",
        "factors": ["province", "city", "card"],
        "use": "mac",
        "algorithm": "des",
        "length": 8,
        "valid_from": None,
        "valid_until": None,
        "state": "active",
        "destroyed": None,
        "origin": "published",
        "created": "2026-11-22T08:30:00+00:00",
        "environment": "test",
        "check_value": _kcv("STK", length=8),
    }
    destroyed = keys["UKSSSE", 3, "3des"]
    assert destroyed["state"] == "destroyed"
    assert datetime.fromisoformat(destroyed["destroyed"]).tzinfo is not None
    assert destroyed["check_value"] == _kcv("UKSSSE", 3)
    assert keys["RKSSSE", 1, "3des"]["valid_until"] == _YESTERDAY.isoformat()
    assert keys["ZMK", 1, "aes"]["factors"] == []
    assert keys["ZMK", 1, "aes"]["origin"] == "generated"
    for name, version, _ in keys:
        if name != "ZMK":
            bits = published_test_key(name, version).hex()
            assert bits not in json.dumps(told).casefold()


def test_list_goes_from_the_ministry_down(vault_path: Path) -> None:
    owners = [key["owner"] for key in _json(vault_path, "list")["keys"]]
    order = ["ministry", "province", "city", "maker", "bank", "site"]
    assert list(dict.fromkeys(owners)) == order
    assert owners == sorted(owners, key=order.index)
    province = _names(_json(vault_path, "list", "--owner", "province"))
    assert province == [
        *(("RKSSSE", version) for version in (1, 2, 3)),
        *(("UKSSSE", version) for version in (1, 1, 2, 3)),
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--owner", "city"], [("PUK", 1)]),
        (["--owner", "bank"], [("PBOCMK", 1)]),
        (["--owner", "site"], [("ZMK", 1)]),
        (["--algorithm", "sm4"], [("UKSSSE", 1)]),
        (["--algorithm", "des"], [("STK", 1)]),
        (["--algorithm", "3des", "--owner", "ministry"], [("IRK", 1), ("STK", 1)]),
        (["--algorithm", "sm1"], []),
        (["--use", "transport"], [("TRANSPORT", 1)]),
        (["--state", "destroyed"], [("UKSSSE", 3)]),
        (["--expired"], [("RKSSSE", 1)]),
        (["--expired", "--owner", "city"], []),
        (["--use", "external", "--state", "active", "--algorithm", "sm4"], [("UKSSSE", 1)]),
    ],
)
def test_list_filters(
    vault_path: Path, arguments: list[str], expected: list[tuple[str, int]]
) -> None:
    assert _names(_json(vault_path, "list", *arguments)) == expected


def test_the_last_day_is_a_day_of_use(vault_path: Path) -> None:
    """``RKSSSE`` 2 ends today: it is neither expired, nor left out as active."""
    assert ("RKSSSE", 2) not in _names(_json(vault_path, "list", "--expired"))
    lines = _run("list", "--vault", str(vault_path)).stdout.splitlines()
    (line,) = [each for each in lines if each.startswith("RKSSSE") and "  02  " in each]
    assert f"until {_TODAY}" in line


def test_list_as_a_table(vault_path: Path) -> None:
    result = _run("list", "--vault", str(vault_path))
    assert result.exit_code == 0, result.output
    head, *lines = [line.split() for line in result.stdout.splitlines()]
    assert head == ["key", "ver", "owner", "use", "algorithm", "bytes", "KCV", "state", "origin"]
    rows = [" ".join(line) for line in lines]
    assert f"STK 01 ministry N2 MAC DES 8 {_kcv('STK', length=8)} active published" in rows
    assert (
        f"RKSSSE 01 province P1 external 3DES 16 {_kcv('RKSSSE')} expired {_YESTERDAY} published"
        in rows
    )
    assert (
        f"RKSSSE 03 province P1 external 3DES 16 {_kcv('RKSSSE', 3)} from {_TOMORROW} published"
        in rows
    )
    (tombstone,) = [row for row in rows if row.startswith("UKSSSE 03")]
    assert f"{_kcv('UKSSSE', 3)} destroyed 20" in tombstone
    (wrapping,) = [row for row in rows if row.startswith("ZMK")]
    assert wrapping.startswith("ZMK 01 site wrap AES 32 ")
    assert wrapping.endswith(" active generated")
    assert result.stderr.strip() == f"{vault_path}: 16 test keys"
    chinese = _run("list", "--vault", str(vault_path), language="zh")
    for word in (
        "校验值",
        "人社部 N1",
        "制卡商",
        "本单位",
        "已销毁",
        "已过期",
        "内部生成",
        "密钥保护",
    ):
        assert word in chinese.stdout
    assert f"{vault_path}：16 个测试密钥" in chinese.stderr


def test_where_all_keys_came_in_alike_a_word_below_says_so(
    vault_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    result = _run("list", "--owner", "province", "--vault", str(vault_path))
    head, *_, caption = result.stdout.splitlines()
    assert "origin" not in head
    assert caption == "origin: published"
    assert max(map(len, result.stdout.splitlines())) < 100
    nothing = _run("list", "--algorithm", "sm1", "--vault", str(vault_path))
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "no such key" in nothing.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--owner", "nobody"], ["--algorithm", "rsa"], ["--use", "x"], ["--state", "lost"]],
)
def test_list_refuses_other_words(vault_path: Path, arguments: list[str]) -> None:
    result = _run("list", *arguments, "--vault", str(vault_path))
    assert result.exit_code == 2
    assert result.stdout == ""


def test_show_a_key_of_cards(vault_path: Path) -> None:
    told = _json(vault_path, "show", "UKSSSE")
    assert (told["version"], told["algorithm"], told["check_value"]) == (1, "3des", _kcv("UKSSSE"))
    cards = {each["profile"]: each for each in told["cards"]}
    dalian = cards["regions/dalian"]
    assert (dalian["directory"], dalian["id"], dalian["command"]) == ("SSSE", "04", "00820004")
    assert (dalian["psam"], dalian["hsm_address"]) == ("4812", "0094")
    assert {"path": "SSSE.EF05", "operation": "update"} in dalian["opens"]
    assert "regions/urumqi" not in cards
    assert told["psams"] == []
    others = [(each["version"], each["algorithm"], each["state"]) for each in told["others"]]
    assert others == [(1, "sm4", "active"), (2, "3des", "active"), (3, "3des", "destroyed")]
    of_sm4 = _json(vault_path, "show", "UKSSSE", "--algorithm", "sm4")
    assert [each["profile"] for each in of_sm4["cards"]] == ["regions/urumqi"]


def test_show_in_words(vault_path: Path) -> None:
    result = _run("show", "UKSSSE", "--version", "2", "--vault", str(vault_path))
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for line in (
        "Version 02",
        "Owner province P1",
        "Use external authentication",
        "Steps 2: city CCCCCCsx → card ATR historical bytes 6-13",
        "Days without limit",
        f"Check value {_kcv('UKSSSE', 2)}",
        "Origin published",
        "Made 2026-11-22 08:30 UTC",
        "Environment test",
        f"Place {vault_path}",
        "2.00 3.00 dalian huaian SSSE 04 00 82 00 04 48 12 0095 update EF05 EF06 EF07 EF08",
    ):
        assert line in lines
    assert "other versions" in result.stdout
    chinese = _run("show", "UKSSSE", "--vault", str(vault_path), language="zh").stdout
    for words in ("2: 市 CCCCCCsx → 卡 ATR 历史字节 6-13", "外部认证", "其他版本", "公开测试密钥"):
        assert words in chinese


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("STK", "3: province PP0000sh → city CCCCCCsx → card ATR historical bytes 6-13"),
        ("TRANSPORT", "none, used as it is"),
        ("TRANSPORT", "opens the card maker's blanks"),
        ("ZMK", "protects other keys on their way"),
        ("ZMK", "none, used as it is"),
        ("PSAMMK", "1: last 8 bytes of the PSAM's serial number"),
        ("PSAMMK", "a key of the PSAM itself"),
        ("PSAMTRANSPORT", "none, used as it is"),
        ("PSAMTRANSPORT", "protects the personalization of the PSAM"),
        ("PBOCMK", "1: card ATR historical bytes 6-13"),
        ("PUK", "from 2026-01-01"),
    ],
)
def test_show_says_what_a_key_is_for(vault_path: Path, name: str, words: str) -> None:
    assert words in _run("show", name, "--vault", str(vault_path)).stdout


def test_show_takes_a_version_that_may_be_used_first(vault_path: Path) -> None:
    assert _json(vault_path, "show", "RKSSSE")["version"] == 1
    destroyed = _run("show", "UKSSSE", "--version", "3", "--vault", str(vault_path))
    assert destroyed.exit_code == 0
    assert "State        destroyed 20" in destroyed.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["NOPE"], 1, "there is no 3DES key NOPE version 1"),
        (["UKSSSE", "--version", "9"], 1, "there is no 3DES key UKSSSE version 9"),
        (["IRK", "--algorithm", "sm4"], 1, "there is no SM4 key IRK version 1"),
        (["UKSSSE", "--version", "0"], 2, "--version"),
        (["UKSSSE", "--algorithm", "des"], 2, "--algorithm"),
        ([], 2, "NAME"),
    ],
)
def test_show_refuses(vault_path: Path, arguments: list[str], code: int, words: str) -> None:
    result = _run("show", *arguments, "--vault", str(vault_path))
    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr


def test_tree(vault_path: Path) -> None:
    result = _run("tree", "--vault", str(vault_path))
    assert result.exit_code == 0, result.output
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    bare = [line.lstrip("│├└─ ") for line in lines]
    chain = [
        "ministry",
        "internal · 3DES · 01: IRK",
        "MAC · DES · 01: STK",
        "↓ province PP0000sh",
        "province",
        "external · 3DES · 01 02: UKSSSE",
        "↓ city CCCCCCsx",
        "city",
        "↓ card ATR historical bytes 6-13",
        "card",
        "card maker",
    ]
    places = [bare.index(line) for line in chain]
    assert places == sorted(places)
    depth: dict[str, int] = {}
    for line, words in zip(lines, bare, strict=True):
        depth.setdefault(words, len(line) - len(words))
    assert depth["ministry"] < depth["province"] < depth["city"] < depth["card"]
    assert depth["card maker"] == depth["bank"] == depth["site"] == depth["ministry"]
    for line in (
        "external · SM4 · 01: UKSSSE",
        "external · 3DES · 03 · destroyed: UKSSSE",
        "external · 3DES · 01 · expired: RKSSSE",
        "external · 3DES · 02 03: RKSSSE",
        "transport · 3DES · 01: TRANSPORT",
        "control · 3DES · 01: PBOCMK",
        "wrap · AES · 01: ZMK",
    ):
        assert line in bare
    chinese = _run("tree", "--vault", str(vault_path), language="zh").stdout
    for words in ("↓ 省 PP0000sh", "制卡商", "已销毁", "密钥保护 · AES"):
        assert words in chinese


def test_tree_of_one_region(vault_path: Path) -> None:
    text = _run("tree", "--region", "210200", "--vault", str(vault_path)).stdout
    assert "↓ province 210000sh" in text
    assert "↓ city 210200sx" in text
    told = _json(vault_path, "tree", "--region", "210200")
    assert told["region"] == "210200"
    owners = {each["owner"]: each for each in told["owners"]}
    assert [step["value"] for step in owners["ministry"]["steps"]] == ["210000sh", "210200sx", None]
    assert [step["factor"] for step in owners["maker"]["steps"]] == ["card"]
    assert owners["site"]["steps"] == []
    assert owners["city"]["keys"] == [
        {
            "name": "PUK",
            "version": 1,
            "algorithm": "3des",
            "use": "external",
            "level": "C1",
            "state": "active",
        }
    ]
    general = _json(vault_path, "tree")
    assert general["region"] is None
    assert general["owners"][0]["steps"][0] == {"factor": "province", "value": "PP0000sh"}


@pytest.mark.parametrize("code", ["21020", "2102000", "21020X", "２１０２００", ""])
def test_tree_refuses_what_is_no_division_code(vault_path: Path, code: str) -> None:
    result = _run("tree", "--region", code, "--vault", str(vault_path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "a division code has 6 digits" in result.stderr


def test_export_as_json(vault_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    result = _run("export", str(file), "--vault", str(vault_path))
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert f"Wrote 16 keys to {file}." in result.stderr
    told = json.loads(file.read_text(encoding="utf-8"))
    assert list(told) == ["format", "version", "written", "place", "environment", "keys"]
    assert (told["format"], told["version"]) == ("sscard-key-inventory", 1)
    assert datetime.fromisoformat(told["written"]).tzinfo is not None
    assert told["keys"] == _json(vault_path, "list")["keys"]
    assert not stat.S_IMODE(file.stat().st_mode) & 0o022
    again = _run("export", "-", "--vault", str(vault_path))
    assert json.loads(again.stdout)["keys"] == told["keys"]
    assert again.stderr == ""


def test_export_as_csv(vault_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    assert _run("export", str(file), "--vault", str(vault_path)).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
    heads = ["format", "version", "written", "place", "environment"]
    assert list(rows[0]) == [f"inventory_{head}" for head in heads] + _FIELDS
    listed = _json(vault_path, "list")["keys"]
    assert [(row["name"], int(row["version"])) for row in rows] == _names({"keys": listed})
    assert {row["inventory_place"] for row in rows} == {str(vault_path)}
    first = {name: "" if value is None else value for name, value in listed[0].items()}
    told = {name: rows[0][name] for name in _FIELDS}
    assert told == {**first, "version": "1", "length": "16", "factors": "province city card"}
    same = _run("export", "-", "--format", "csv", "--vault", str(vault_path))
    assert next(iter(csv.DictReader(io.StringIO(same.stdout))))["name"] == rows[0]["name"]


def test_export_overwrites_nothing(vault_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text("mine")
    result = _run("export", str(file), "--vault", str(vault_path))
    assert result.exit_code == 1
    assert "already exists and is not overwritten" in result.stderr
    assert file.read_text() == "mine"
    nowhere = _run("export", str(tmp_path / "no" / "keys.json"), "--vault", str(vault_path))
    assert nowhere.exit_code == 1
    assert "cannot be written" in nowhere.stderr
    wrong = _run("export", str(tmp_path / "x"), "--format", "xml", "--vault", str(vault_path))
    assert wrong.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["UKSSSE", "--version", "3"], "UKSSSE: destroyed 20"),
        (["RKSSSE"], f"RKSSSE: expired {_YESTERDAY}"),
        (["RKSSSE", "--version", "3"], f"RKSSSE: from {_TOMORROW}"),
    ],
)
def test_kcv_of_a_root_that_may_not_be_used(
    vault_path: Path, arguments: list[str], words: str
) -> None:
    result = _run("kcv", *arguments, "--vault", str(vault_path))
    version = int(arguments[-1]) if len(arguments) > 1 else 1
    assert (result.exit_code, result.stdout) == (0, f"{_kcv(arguments[0], version)}\n")
    assert words in result.stderr


def test_kcv_of_a_card_key(vault_path: Path) -> None:
    card = ("--region", "210200", "--factor", "86210200000004D2", "--vault", str(vault_path))
    value = published_test_key("PUK", 1)
    of_card = SUITES["3des"].diversify(value, bytes.fromhex("86210200000004D2"))
    expected = SUITES["3des"].check_value(of_card).hex().upper()
    assert _run("kcv", "PUK", *card).stdout == f"{expected}\n"
    destroyed = _run("kcv", "UKSSSE", "--version", "3", *card)
    assert (destroyed.exit_code, destroyed.stdout) == (1, "")
    assert "was destroyed on" in destroyed.stderr
    for arguments in (("ZMK", "--algorithm", "aes"), ("TRANSPORT",)):
        none = _run("kcv", *arguments, *card)
        assert (none.exit_code, none.stdout) == (1, "")
        assert "no card has a key diversified from this one" in none.stderr
