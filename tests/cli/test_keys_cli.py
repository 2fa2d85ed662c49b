"""``sscard keys`` and where secrets come from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from sscard_ic import profile
from sscard_ic.base import InputError, Secret
from sscard_ic.cli import root
from sscard_ic.cli import secrets as inputs
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.suites import SUITES
from sscard_ic.keys import CardKey, SoftwareVault, require_keys
from sscard_ic.keys.inventory import RootAlgorithm

_FACTOR = "86210200000004D2"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SSCARD_PASSPHRASE_FILE", "SSCARD_PIN", "SSCARD_NEW_PIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSCARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SSCARD_PASSPHRASE", "correct horse")
    monkeypatch.setenv("SSCARD_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="module")
def vault_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "vault.json"
    result = _run(
        "keys", "init", "--test", "--vault", str(path), env={"SSCARD_PASSPHRASE": "correct horse"}
    )
    assert result.exit_code == 0, result.output
    return path


def _run(*arguments: str, typed: str = "", env: dict[str, str | None] | None = None) -> Result:
    return CliRunner().invoke(root, list(arguments), input=typed, env=env)


def test_init_makes_a_vault_for_every_shipped_profile(tmp_path: Path) -> None:
    result = _run("keys", "init", "--test", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    path = tmp_path / "home" / "vault.json"
    assert (told["vault"], told["environment"]) == (str(path), "test")
    service = SoftwareVault.open(path, Secret(b"correct horse"))
    listed = service.keys()
    assert told["keys"] == len(listed)
    there = {(info.name, info.version, info.algorithm): info for info in listed}
    for info in profile.available():
        if info.kind in ("national", "region"):
            card = profile.load(info.name)
            require_keys(service, card)
            for name, key in card.keys.items():
                algorithm: RootAlgorithm = card.key_algorithm(name)
                if card.key_length(name) == 8:
                    algorithm = "des"
                for version in range(1, key.groups + 1):
                    assert there[name, version, algorithm].length == card.key_length(name)
                    assert there[name, version, algorithm].level == key.level
    assert ("TRANSPORT", 1, "3des") in there


def test_init_refuses_to_overwrite_without_asking_anything(vault_path: Path) -> None:
    before = vault_path.read_bytes()
    result = _run(
        "keys", "init", "--test", "--vault", str(vault_path), env={"SSCARD_PASSPHRASE": None}
    )
    assert result.exit_code == 1
    assert "not overwritten" in result.stderr
    assert "Passphrase" not in result.output
    assert vault_path.read_bytes() == before


def test_init_without_test_says_what_is_possible(tmp_path: Path) -> None:
    for arguments in ((), ("--test", "--production")):
        result = _run("keys", "init", *arguments)
        assert result.exit_code == 2
        assert "choose one: --test (published test keys) or --production" in result.stderr
        assert not (tmp_path / "home").exists()


def test_the_passphrase_is_typed_twice_and_hidden(tmp_path: Path) -> None:
    path = tmp_path / "typed.json"
    without: dict[str, str | None] = {"SSCARD_PASSPHRASE": None}
    result = _run(
        "keys", "init", "--test", "--vault", str(path), typed="sesame\nsesame\n", env=without
    )
    assert result.exit_code == 0, result.output
    assert "sesame" not in result.output
    listed = _run("keys", "list", "--json", "--vault", str(path), typed="sesame\n", env=without)
    assert listed.exit_code == 0, listed.output
    assert json.loads(listed.stdout)["environment"] == "test"


def test_nobody_there_to_type(vault_path: Path) -> None:
    result = _run("keys", "list", "--vault", str(vault_path), env={"SSCARD_PASSPHRASE": None})
    assert result.exit_code == 1
    assert "without a terminal use: SSCARD_PASSPHRASE, SSCARD_PASSPHRASE_FILE" in result.stderr


def test_wrong_passphrase(vault_path: Path) -> None:
    result = _run("keys", "list", "--vault", str(vault_path), env={"SSCARD_PASSPHRASE": "wrong"})
    assert result.exit_code == 1
    assert "the passphrase is wrong" in result.stderr
    assert result.stdout == ""


def test_missing_vault_names_the_next_step() -> None:
    result = _run("keys", "list", env={"SSCARD_PASSPHRASE": None})
    assert result.exit_code == 1
    assert "sscard keys init --test" in result.stderr
    assert "Passphrase" not in result.output


def test_passphrase_file(vault_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes("\ufeffcorrect horse\r\nsecond line\n".encode())
    env = {"SSCARD_PASSPHRASE": None, "SSCARD_PASSPHRASE_FILE": str(file)}
    result = _run("keys", "list", "--json", "--vault", str(vault_path), env=env)
    assert result.exit_code == 0, result.output
    file.unlink()
    gone = _run("keys", "list", "--json", "--vault", str(vault_path), env=env)
    assert gone.exit_code == 1
    assert str(file) in gone.stderr


def test_kcv_of_root_and_card(vault_path: Path) -> None:
    vault = ("--vault", str(vault_path))
    of_root = _run("keys", "kcv", "IRK", "--version", "3", *vault)
    expected = SUITES["3des"].check_value(published_test_key("IRK", 3)).hex().upper()
    assert (of_root.exit_code, of_root.stdout) == (0, f"{expected}\n")
    of_sm4 = _run("keys", "kcv", "IRK", "--version", "3", "--algorithm", "sm4", *vault)
    root = published_test_key("IRK", 3, 16, "sm4")
    assert of_sm4.stdout == f"{SUITES['sm4'].check_value(root).hex().upper()}\n"
    of_card = _run(
        "keys", "kcv", "UKSSSE", "--region", "210200", "--factor", _FACTOR, "--json", *vault
    )
    key = CardKey("UKSSSE", 1, "210200", bytes.fromhex(_FACTOR))
    service = SoftwareVault.open(vault_path, Secret(b"correct horse"))
    assert json.loads(of_card.stdout) == {
        "name": "UKSSSE",
        "version": 1,
        "algorithm": "3des",
        "region": "210200",
        "factor": _FACTOR,
        "state": "active",
        "check_value": service.check_value(key).hex().upper(),
    }


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["IRK", "--version", "9"], 1, "there is no 3DES key IRK version 9"),
        (["NOPE"], 1, "there is no 3DES key NOPE"),
        (["TRANSPORT", "--algorithm", "sm4"], 1, "there is no SM4 key TRANSPORT version 1"),
        (["IRK", "--region", "210200"], 2, "come together"),
        (["IRK", "--factor", _FACTOR], 2, "come together"),
        (["IRK", "--region", "21020", "--factor", _FACTOR], 1, "6 digits"),
        (["IRK", "--region", "210200", "--factor", "8621"], 1, "8 bytes"),
        (["IRK", "--region", "210200", "--factor", "XY"], 2, "16 hexadecimal digits"),
    ],
)
def test_kcv_refuses(vault_path: Path, arguments: list[str], code: int, words: str) -> None:
    result = _run("keys", "kcv", *arguments, "--vault", str(vault_path))
    assert result.exit_code == code
    assert words in result.stderr
    assert result.stdout == ""


def test_making_a_test_vault_is_written_down(tmp_path: Path) -> None:
    path, ledger = tmp_path / "vault.json", tmp_path / "ledger.db"
    made = _run("keys", "init", "--test", "--vault", str(path), "--ledger", str(ledger))
    assert made.exit_code == 0, made.output
    listed = _run("audit", "list", "--json", "--ledger", str(ledger))
    (entry,) = json.loads(listed.stdout)["entries"]
    assert (entry["action"], entry["subject"]) == ("vault.create", str(path))
    assert (entry["actors"], entry["outcome"]) == (["-"], "done")


def test_help_lists_every_command_and_loads_no_heavy_part() -> None:
    """In an interpreter of its own: other tests of this one may have loaded them."""
    program = """
import sys
from click.testing import CliRunner
from sscard_ic.cli import root
result = CliRunner().invoke(root, ["keys", "--help"])
assert result.exit_code == 0, result.output
print(result.output)
loaded = {"pkcs11", "httpx", "starlette", "uvicorn"} & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    listed = done.stdout.partition("Commands:\n")[2].splitlines()
    commands = {line.split()[0] for line in listed if line}
    assert commands >= {
        *("init", "list", "show", "kcv", "tree", "export", "psam", "serve"),
        *("combine", "generate", "component", "rotate", "validity", "destroy", "passphrase"),
        *("export-block", "import-block"),
    }


def test_no_option_takes_a_secret() -> None:
    assert isinstance(root, click.Group)
    context = click.Context(root)
    group = root.get_command(context, "keys")
    assert isinstance(group, click.Group)
    commands = [group.get_command(context, name) for name in group.list_commands(context)]
    names = {name for c in commands if c is not None for p in c.params for name in p.opts}
    assert names >= {"--vault", "--json", "--test"}
    assert not {name for name in names if "pass" in name or name == "--pin"}


def test_pin_from_file_then_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pin"
    file.write_text("123456\n")
    monkeypatch.setenv("SSCARD_PIN", "654321")
    monkeypatch.setenv("SSCARD_NEW_PIN", "98765")
    assert inputs.pin(file).reveal() == bytes.fromhex("123456")
    assert inputs.pin().reveal() == bytes.fromhex("654321")
    assert inputs.new_pin().reveal() == bytes.fromhex("98765F")


def test_a_refused_pin_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSCARD_PIN", "12345678901234")
    with pytest.raises(InputError, match="4 to 12 digits") as caught:
        inputs.pin()
    assert caught.value.where == "SSCARD_PIN"
    assert "12345678901234" not in caught.value.render("zh")
    assert caught.value.__suppress_context__


def test_a_new_pin_is_typed_twice() -> None:
    @click.command()
    def ask() -> None:
        click.echo(len(inputs.new_pin()))

    runner = CliRunner()
    same = runner.invoke(ask, input="246810\n246810\n")
    assert same.stdout.strip() == "3"
    assert "246810" not in same.output
    different = runner.invoke(ask, input="246810\n246811\n")
    assert isinstance(different.exception, InputError)


def test_a_passphrase_is_the_same_however_it_is_composed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSCARD_PASSPHRASE", "café 密钥")
    composed = inputs.passphrase()
    monkeypatch.setenv("SSCARD_PASSPHRASE", "cafe\u0301 密钥")
    assert inputs.passphrase() == composed
