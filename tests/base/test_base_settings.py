"""``sscard.toml``: found, checked line by line, and never a place for secrets."""

from __future__ import annotations

import secrets
import traceback
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from sscard_ic.base import InputError
from sscard_ic.base.problems import DocumentError
from sscard_ic.base.settings import FilePath, Section, read_settings


class Inner(Section):
    path: FilePath | None = None
    tries: Annotated[int, Field(ge=1, le=9)] = 3


class Outer(Section):
    service: Literal["vault", "hsm"] = "vault"
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()
    free: dict[str, int] = Field(default_factory=dict)


def write(folder: Path, text: str) -> Path:
    path = folder / "sscard.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str) -> DocumentError:
    write(folder, text)
    with pytest.raises(DocumentError) as caught:
        read_settings({}, folder).section("keys", Outer)
    return caught.value


# -- which file --------------------------------------------------------------------------------


def test_without_a_file_defaults_hold(tmp_path: Path) -> None:
    settings = read_settings({}, tmp_path / "home")
    assert settings.path is None
    assert settings.section("keys", Outer) == Outer()


def test_the_file_of_the_data_folder(tmp_path: Path) -> None:
    write(tmp_path, '[keys]\nservice = "hsm"\n')
    assert read_settings({}, tmp_path).section("keys", Outer).service == "hsm"


def test_the_file_that_the_environment_names_comes_first(tmp_path: Path) -> None:
    write(tmp_path, '[keys]\nservice = "hsm"\n')
    other = tmp_path / "other.toml"
    other.write_text("[keys.inner]\ntries = 5\n", encoding="utf-8")
    found = read_settings({"SSCARD_CONFIG": str(other)}, tmp_path)
    assert found.path == other
    assert found.section("keys", Outer) == Outer(inner=Inner(tries=5))
    assert read_settings({"SSCARD_CONFIG": ""}, tmp_path).path == tmp_path / "sscard.toml"


def test_a_file_that_the_environment_names_must_be_there(tmp_path: Path) -> None:
    write(tmp_path, "")
    with pytest.raises(InputError) as caught:
        read_settings({"SSCARD_CONFIG": str(tmp_path / "none.toml")}, tmp_path)
    assert "none.toml" in str(caught.value)
    assert "SSCARD_CONFIG" in str(caught.value)


def test_a_file_in_the_present_folder_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, '[keys]\nservice = "hsm"\n')
    monkeypatch.chdir(tmp_path)
    assert read_settings({}, tmp_path / "home").path is None


# -- what it says ------------------------------------------------------------------------------


def test_paths_are_meant_from_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, '[keys.inner]\npath = "deep/er.json"\n')
    monkeypatch.chdir("/")
    assert read_settings({}, tmp_path).section("keys", Outer).inner.path == (
        tmp_path / "deep" / "er.json"
    )
    absolute = tmp_path / "elsewhere.json"
    write(tmp_path, f"[keys.inner]\npath = '{absolute}'\n")
    assert read_settings({}, tmp_path).section("keys", Outer).inner.path == absolute
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "me"))
    write(tmp_path, "[keys.inner]\npath = '~/v.json'\n# the same length as nothing before\n")
    assert read_settings({}, tmp_path).section("keys", Outer).inner.path == (
        tmp_path / "me" / "v.json"
    )


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ('[keys]\nservice = "hms"\n', 2, "keys.service", "must be one of 'vault', 'hsm'"),
        ("[keys.inner]\n\ntries = 0\n", 3, "keys.inner.tries", "must not be less than 1"),
        ('[keys.inner]\ntries = "3"\n', 2, "keys.inner.tries", "a whole number is expected"),
        ("[keys.inner]\npath = 3\n", 2, "keys.inner.path", "a path in quotes is expected"),
        ("keys = 3\n", 1, "keys", "a table is expected"),
        ("[keys]\nservise = 'vault'\n", 2, "keys.servise", "is service meant?"),
        (
            "[keys.inner]\ncolour = 1\n",
            2,
            "keys.inner.colour",
            "unknown key; there are: path, tries",
        ),
        ("[[keys.several]]\n[[keys.several]]\npaht = 1\n", 3, "several[2].paht", "is path meant?"),
        ("[keys.free]\na = 'x'\n", 2, "keys.free.a", "a whole number is expected"),
        ("[keys]\n[keyz]\n", 2, "keyz", "unknown section; is keys meant?"),
        ("colour = 1\n", 1, "colour", "unknown section; there are: keys, certificates"),
        ("[keys\n", 1, "", "TOML syntax"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    text: str, line: int, key: str, words: str, tmp_path: Path
) -> None:
    error = refused(tmp_path, text)
    assert error.where == f"{tmp_path / 'sscard.toml'}:{line}"
    assert key in error.what.en
    assert words in error.what.en
    assert error.what.zh != error.what.en
    assert error.hint is not None


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    error = refused(tmp_path, "[keys]\nservice = 1\n[keys.inner]\ntries = 0\nother = 1\n")
    assert [problem.place.line for problem in error.problems] == [2, 4, 5]


# -- secrets -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["pin", "PIN", "hsm_pin", "password", "key-password", "passphrase"])
@pytest.mark.parametrize("table", ["", "[keys]", "[keys.inner]", "[remote]"])
def test_no_secret_belongs_in_the_file(key: str, table: str, tmp_path: Path) -> None:
    value = secrets.token_hex(12)
    error = refused(tmp_path, f"{table}\n{key} = '{value}'\n")
    if table == "[remote]":
        assert "unknown section" in error.what.en
    else:
        assert "no secret belongs in the settings" in error.what.en
        assert "SSCARD_HSM_PIN" in error.what.zh
    told = "".join(traceback.format_exception(error)) + error.render("zh") + repr(vars(error))
    assert value not in told


def test_a_wrong_value_is_not_quoted(tmp_path: Path) -> None:
    value = secrets.token_hex(12)
    error = refused(tmp_path, f"[keys]\nservice = '{value}'\n[keys.inner]\ntries = '{value}'\n")
    chain = []
    cause: BaseException | None = error
    while cause is not None:
        chain.append(repr(cause) + str(cause) + repr(vars(cause)))
        cause = cause.__cause__ or cause.__context__
    assert value not in "".join(chain)
