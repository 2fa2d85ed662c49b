"""Every setting that stands for an open point is explained in docs/assumptions.md."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from sscard_ic.base.resources import profiles_dir
from sscard_ic.profile.dialect import Features, Messaging, Settings
from sscard_ic.profile.medical import MedicalSettings, MedicalSettlement
from sscard_ic.profile.region import (
    BatchRules,
    CardRules,
    Identity,
    PinPolicy,
    ReturnFile,
    Terminal,
    Validity,
)

TEXT = (Path(__file__).parents[2] / "docs" / "assumptions.md").read_text(encoding="utf-8")
COMMON = "".join(part for part in re.split(r"(?m)^(?=## )", TEXT) if "## One COS alone" not in part)
"""Without the tables of single dialects: see test_dialect_assumptions."""
NOT_OPEN = {"serial_first", "serial_last"}
"""Ranges that an issuer is given, not open points."""


@pytest.mark.parametrize(
    "model",
    [
        Settings,
        Features,
        Messaging,
        CardRules,
        Identity,
        Validity,
        PinPolicy,
        Terminal,
        MedicalSettings,
        MedicalSettlement,
        BatchRules,
        ReturnFile,
    ],
    ids=lambda model: model.__name__,
)
def test_settings_are_listed(model: type[BaseModel]) -> None:
    missing = {name for name in model.model_fields if f"`{name}`" not in TEXT} - NOT_OPEN
    assert missing == set()


@pytest.mark.parametrize(
    "model", [Settings, Features, Messaging, MedicalSettings], ids=lambda model: model.__name__
)
def test_defaults_are_those_of_the_table(model: type[BaseModel]) -> None:
    shown = {
        cells[1].strip("` "): cells[2].strip()
        for cells in (line.split("|") for line in COMMON.splitlines() if line.startswith("| `"))
    }
    for name, value in model().model_dump(mode="json").items():
        expected = str(value).lower() if isinstance(value, bool) else str(value)
        assert shown[name] == expected, name


def test_the_national_profile_writes_the_settings_of_the_medical_account_out() -> None:
    data = tomllib.loads((profiles_dir() / "national" / "2.00.toml").read_text(encoding="utf-8"))
    assert set(data["medical"]["settings"]) == set(MedicalSettings.model_fields)
