"""Every setting that stands for an open point is explained in docs/assumptions.md."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from sscard_ic.base.resources import profiles_dir
from sscard_ic.profile.dialect import Features, Settings
from sscard_ic.profile.region import (
    BatchRules,
    CardRules,
    Identity,
    PinPolicy,
    ReturnFile,
    Validity,
)

TEXT = (Path(__file__).parents[2] / "docs" / "assumptions.md").read_text(encoding="utf-8")
NOT_OPEN = {"serial_first", "serial_last"}
"""Ranges that an issuer is given, not open points."""


@pytest.mark.parametrize(
    "model",
    [Settings, Features, CardRules, Identity, Validity, PinPolicy, BatchRules, ReturnFile],
    ids=lambda model: model.__name__,
)
def test_settings_are_listed(model: type[BaseModel]) -> None:
    missing = {name for name in model.model_fields if f"`{name}`" not in TEXT} - NOT_OPEN
    assert missing == set()


@pytest.mark.parametrize("model", [Settings, Features], ids=lambda model: model.__name__)
def test_defaults_are_those_of_the_table(model: type[BaseModel]) -> None:
    shown = {
        cells[1].strip("` "): cells[2].strip()
        for cells in (line.split("|") for line in TEXT.splitlines() if line.startswith("| `"))
    }
    for name, value in model().model_dump(mode="json").items():
        expected = str(value).lower() if isinstance(value, bool) else str(value)
        assert shown[name] == expected, name


def test_the_dialect_writes_every_setting_out() -> None:
    data = tomllib.loads((profiles_dir() / "cos" / "t514.toml").read_text(encoding="utf-8"))
    assert set(data["settings"]) == set(Settings.model_fields)
    assert set(data["features"]) == set(Features.model_fields)
