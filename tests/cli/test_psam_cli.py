"""PSAMs on the command line: made, shown, and in place of a key vault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sscard_ic.base import Secretive
from sscard_ic.cli import root
from sscard_ic.reader import opening
from sscard_ic.reader.connection import TransmissionProtocol
from sscard_ic.reader.pcsc import PcscConnection, ReaderState
from sscard_ic.reader.virtual import VirtualConnection, open_virtual

Sscard = Callable[..., Result]


@pytest.fixture
def sscard(tmp_path: Path) -> Sscard:
    """The command on a terminal without any vault."""

    def run(*arguments: str, **environment: str) -> Result:
        env = {
            "SSCARD_HOME": str(tmp_path / "home"),
            "SSCARD_LANG": "en",
            "COLUMNS": "200",
            "SSCARD_PSAM": "",
            "SSCARD_READER": "",
        }
        return CliRunner(env=env | environment).invoke(root, list(arguments))

    return run


def image(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout.split()[0]


def new_psam(sscard: Sscard, folder: Path, region: str) -> str:
    code = {"dalian": "210200", "urumqi": "650100"}[region]
    options = ("--profile", f"psam/{region}", "--terminal", f"{code}000001")
    return image(sscard("sim", "new", *options, "--out", str(folder)))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A card and a PSAM of each region, by ``dalian`` and ``psam/dalian``; nobody changes them."""
    folder = tmp_path_factory.mktemp("images")

    def run(*arguments: str) -> Result:
        return CliRunner(env={"SSCARD_LANG": "en"}).invoke(root, list(arguments))

    made = {}
    for region in ("dalian", "urumqi"):
        options = ("--profile", region, "--state", "personalized", "--out", str(folder / region))
        made[region] = image(run("sim", "new", *options))
        made[f"psam/{region}"] = new_psam(run, folder, region)
    return made


# Making


def test_new_psam(sscard: Sscard, tmp_path: Path) -> None:
    path = new_psam(sscard, tmp_path, "dalian")
    assert Path(path).name == "psam-210200000001.img"
    shown = json.loads(sscard("sim", "show", "--json", path).stdout)
    assert (shown["profile"], shown["dialect"], shown["state"]) == ("psam/dalian", "ks-a", "issued")
    files = {file["path"]: file for file in shown["files"]}
    assert files["3F00/DF01/0012"]["kind"] == "keys"
    assert files["3F00/DF01/0012"]["records"] > 10
    assert files["3F00/0001"] == {"path": "3F00/0001", "kind": "directory", "records": 1}
    assert "transport_key" not in json.dumps(shown)
    assert "3F00/DF01/0019" in sscard("sim", "show", path).output


def test_several_psams_with_numbers_in_a_row(sscard: Sscard, tmp_path: Path) -> None:
    options = ("--terminal", "210200000009", "--count", "2", "--out", str(tmp_path), "--json")
    made = sscard("sim", "new", "--profile", "psam/dalian", *options)
    assert made.exit_code == 0, made.output
    names = [Path(path).name for path in json.loads(made.stdout)["images"]]
    assert names == ["psam-210200000009.img", "psam-210200000010.img"]


def test_blank_psams(sscard: Sscard, tmp_path: Path) -> None:
    options = ("--profile", "psam/dalian", "--out", str(tmp_path))
    first = image(sscard("sim", "new", *options))
    second = image(sscard("sim", "new", *options))
    assert first != second
    assert json.loads(sscard("sim", "show", "--json", first).stdout)["state"] == "blank"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--profile", "psam/dalian", "--terminal", "650100000001"), 1, "begins with"),
        (("--profile", "psam/dalian", "--terminal", "12"), 1, "12 digits"),
        (("--profile", "psam/dalian", "--terminal", "21020000000X"), 1, "12 digits"),
        (("--profile", "psam/national", "--terminal", "210200000001"), 1, "names no region"),
        (("--profile", "psam/dalian", "--state", "personalized"), 2, "--terminal"),
        (("--profile", "dalian", "--terminal", "210200000001"), 2, "PSAM profiles"),
    ],
)
def test_psams_that_cannot_be_made(
    sscard: Sscard, tmp_path: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    result = sscard("sim", "new", *options, "--out", str(tmp_path / "out"))
    assert (result.exit_code, words in result.output) == (code, True), result.output
    assert not list(tmp_path.rglob("*.img"))


def test_nothing_is_overwritten(sscard: Sscard, tmp_path: Path) -> None:
    path = Path(new_psam(sscard, tmp_path, "dalian"))
    before = path.read_bytes()
    options = ("--profile", "psam/dalian", "--terminal", "210200000001", "--out", str(tmp_path))
    result = sscard("sim", "new", *options)
    assert result.exit_code == 1
    assert "exists" in result.output
    assert path.read_bytes() == before


# Showing


def test_keys_psam(sscard: Sscard, images: dict[str, str]) -> None:
    path = images["psam/urumqi"]
    told = sscard("keys", "psam", "--psam", f"virtual:{path}", "--json")
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    assert facts["terminal"] == "650100000001"
    assert facts["serial"] == "00000000650100000001"
    assert facts["transaction_number"] == 1
    assert facts["environments"]["sm4"]["city"] == {
        "key_version": 1,
        "dpk_index": 1,
        "first": "2026-01-01",
        "last": "2045-12-31",
    }
    shown = sscard("keys", "psam", SSCARD_PSAM=f"virtual:{path}")
    assert shown.exit_code == 0, shown.output
    assert "3DES, SM4" in shown.output
    assert "2045-12-31" in shown.output


@pytest.mark.parametrize(("language", "words"), [("en", "no social security PSAM"), ("zh", "不是")])
def test_keys_psam_of_a_card(sscard: Sscard, tmp_path: Path, language: str, words: str) -> None:
    path = image(sscard("sim", "new", "--profile", "dalian", "--out", str(tmp_path)))
    result = sscard("--lang", language, "keys", "psam", "--psam", f"virtual:{path}")
    assert result.exit_code == 1
    assert words in result.output
    assert "--psam" in result.output


# Reading with a PSAM


@pytest.mark.parametrize("region", ["dalian", "urumqi"])
def test_psam_opens_what_the_vault_opens(
    sscard: Sscard, tmp_path: Path, images: dict[str, str], region: str
) -> None:
    """3DES and SM4; no vault is there while the PSAM answers."""
    path, sam = images[region], images[f"psam/{region}"]
    read = ("read", "--all", "--json", "--reader", f"virtual:{path}")
    with_psam = sscard(*read, "--psam", f"virtual:{sam}")
    assert with_psam.exit_code == 0, with_psam.output
    assert not (tmp_path / "home").exists()
    assert sscard("keys", "init", "--test", SSCARD_PASSPHRASE="x").exit_code == 0
    with_vault = sscard(*read, "--keys", SSCARD_PASSPHRASE="x")
    assert with_vault.exit_code == 0, with_vault.output
    assert json.loads(with_psam.stdout) == json.loads(with_vault.stdout)
    opened = {item["path"] for item in json.loads(with_psam.stdout)["items"]}
    assert {"SSSE.EF08", "DF01.EF05.21"} <= opened


@pytest.mark.parametrize(
    ("language", "words"), [("en", "no SM4 environment"), ("zh", "没有 SM4 环境")]
)
def test_psam_of_the_wrong_algorithm(
    sscard: Sscard, images: dict[str, str], language: str, words: str
) -> None:
    path, sam = images["urumqi"], images["psam/dalian"]
    result = sscard(
        "--lang",
        language,
        "read",
        "--reader",
        f"virtual:{path}",
        "--psam",
        f"virtual:{sam}",
        "姓名",
    )
    assert result.exit_code == 1
    assert words in result.output
    assert "PSAM" in result.output


def test_no_psam(sscard: Sscard, tmp_path: Path) -> None:
    result = sscard("read", "--psam", f"virtual:{tmp_path / 'none.img'}")
    assert result.exit_code == 1
    assert "none.img" in result.output


@pytest.mark.parametrize("other", [("--keys",), ("--vault", "x.json")])
def test_psam_or_vault(sscard: Sscard, other: tuple[str, ...]) -> None:
    result = sscard("read", "--psam", "virtual:x.img", *other)
    assert result.exit_code == 2
    assert "--psam excludes" in result.output


# Two readers


class _Pcsc(PcscConnection):
    """A PC/SC reader by name with a virtual card in it."""

    def __init__(self, name: str, card: VirtualConnection) -> None:
        self.name, self._virtual = name, card

    @property
    def atr(self) -> bytes:
        return self._virtual.atr

    @property
    def protocol(self) -> TransmissionProtocol:
        return self._virtual.protocol

    def transmit(self, command: Secretive) -> bytes:
        return self._virtual.transmit(command)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield

    def close(self) -> None:
        self._virtual.close()


@pytest.fixture
def two_readers(images: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """``ACME 00 00`` with a card of Dalian and ``ACME SAM`` with its PSAM; names in use order."""
    inside = {"ACME 00 00": images["dalian"], "ACME SAM": images["psam/dalian"]}
    opened: list[str] = []

    def states() -> tuple[ReaderState, ...]:
        return tuple(
            ReaderState(name, number, "present", in_use=False, exclusive=False, atr=b"\x3b\x00")
            for number, name in enumerate(inside)
        )

    def connect(name: str, **options: object) -> PcscConnection:
        opened.append(name)
        return _Pcsc(name, open_virtual(Path(inside[name])))

    monkeypatch.setattr(opening, "list_readers", states)
    monkeypatch.setattr(opening, "open_pcsc", connect)
    return opened


@pytest.mark.parametrize(
    ("words", "setting"), [("sam", ""), ("2", ""), ("psam", "SAM"), ("ACME SAM", "")]
)
def test_the_other_reader_has_the_card(
    sscard: Sscard, two_readers: list[str], words: str, setting: str
) -> None:
    result = sscard("read", "--psam", words, "户口所在地地址", SSCARD_PSAM=setting)
    assert result.exit_code == 0, result.output
    assert two_readers == ["ACME SAM", "ACME 00 00"]
    assert "closed" not in result.output


def test_readers_that_were_mixed_up(sscard: Sscard, two_readers: list[str]) -> None:
    result = sscard("read", "--psam", "00 00", "SSSE.EF08", "--reader", "00 00")
    assert result.exit_code == 1
    assert "PSAM" in result.output


def test_psam_that_nobody_set(sscard: Sscard, two_readers: list[str]) -> None:
    result = sscard("keys", "psam")
    assert result.exit_code == 1
    assert "no reader is set as the PSAM's" in result.output
    assert two_readers == []


# Writing, dumping


def test_write_with_a_psam(sscard: Sscard, images: dict[str, str], tmp_path: Path) -> None:
    copy = tmp_path / "card.img"
    copy.write_bytes(Path(images["dalian"]).read_bytes())
    at = ("--reader", f"virtual:{copy}", "--psam", f"virtual:{images['psam/dalian']}")
    written = sscard("write", "DF01.EF06.28=13900000000", "--yes", "--json", *at)
    assert written.exit_code == 0, written.output
    assert json.loads(written.stdout)["written"] == ["DF01.EF06.28"]
    read = sscard("read", "DF01.EF06.28", "--json", *at)
    assert json.loads(read.stdout)["items"][0]["value"] == "13900000000"


def test_dump_with_a_psam(sscard: Sscard, images: dict[str, str], tmp_path: Path) -> None:
    at = ("--reader", f"virtual:{images['urumqi']}")
    without = sscard("dump", *at)
    assert without.exit_code == 0, without.output
    with_psam = sscard("dump", *at, "--psam", f"virtual:{images['psam/urumqi']}")
    assert with_psam.exit_code == 0, with_psam.output
    counts = [len(json.loads(each.stdout)["items"]) for each in (without, with_psam)]
    assert counts[0] < counts[1]
