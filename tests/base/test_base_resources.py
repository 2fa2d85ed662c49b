"""Where profiles, samples and the user's data lie."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sscard_ic.base import resources
from sscard_ic.base.resources import home_dir, profiles_dir, samples_dir

USER = Path("/home/user")
ROAMING = {"XDG_DATA_HOME": "/data", "LOCALAPPDATA": "/local"}


def test_a_checkout_has_profiles_and_samples() -> None:
    assert (profiles_dir() / "regions" / "dalian.toml").is_file()
    assert list((samples_dir() / "batches").glob("dalian-*.csv"))
    assert list((samples_dir() / "photos").glob("*.jpg"))


def test_an_installed_package_brings_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "_INSTALLED", tmp_path)
    for name, folder in (("profiles", profiles_dir), ("samples", samples_dir)):
        assert folder() != tmp_path / name
        (tmp_path / name).mkdir()
        assert folder() == tmp_path / name


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, USER / ".local" / "share" / "sscard"),
        ("linux", ROAMING, Path("/data/sscard")),
        ("darwin", ROAMING, USER / "Library" / "Application Support" / "sscard"),
        ("win32", {}, USER / "AppData" / "Local" / "sscard"),
        ("win32", ROAMING, Path("/local/sscard")),
        ("linux", {**ROAMING, "SSCARD_HOME": ""}, Path("/data/sscard")),
        ("linux", {**ROAMING, "SSCARD_HOME": "/mine"}, Path("/mine")),
        ("win32", {**ROAMING, "SSCARD_HOME": "/mine"}, Path("/mine")),
    ],
)
def test_the_users_folder(
    platform: str, environment: dict[str, str], expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSCARD_HOME", *ROAMING):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: USER)
    assert home_dir() == expected
