"""Every setting that stands for an open point is explained in docs/assumptions.md."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from sscard_ic.base.resources import profiles_dir
from sscard_ic.profile import load
from sscard_ic.profile.certificate import (
    CertificateApplication,
    CertificateContents,
    CertificateFiles,
    CertificateRules,
    CertificateSettings,
)
from sscard_ic.profile.data_groups import Holding, Signing
from sscard_ic.profile.dialect import Features, Messaging, Settings
from sscard_ic.profile.financial import BankKeys, ChipSettings, FinancialSettings, GroupNumbers
from sscard_ic.profile.medical import MedicalSettings, MedicalSettlement
from sscard_ic.profile.region import (
    BankRules,
    BatchRules,
    CardRules,
    Identity,
    PinPolicy,
    ReturnFile,
    Terminal,
    Validity,
)

TEXT = (Path(__file__).parents[2] / "docs" / "assumptions.md").read_text(encoding="utf-8")
_PARTS = re.split(r"(?m)^(?=## )", TEXT)
_OWN = ("## One COS alone", "## The certificate application", "## The bank's application")
COMMON = "".join(part for part in _PARTS if not part.startswith(_OWN))
"""Without the tables of single dialects (see test_dialect_assumptions), and without those of the
certificate application and of the bank's, some of whose settings are called as those of a COS."""
(CERTIFICATES,) = (part for part in _PARTS if part.startswith("## The certificate application"))
(_BANK,) = (part for part in _PARTS if part.startswith("## The bank's application"))
BANK = {
    part.split("`", 2)[1].strip("[]"): part for part in re.split(r"(?m)^### (?=`\[)", _BANK)[1:]
}
"""Its tables by the key of the profile that they explain."""
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
        BankRules,
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
    shown = shown_in(COMMON)
    for name, value in model().model_dump(mode="json").items():
        assert shown[name] == written(value), name


@pytest.mark.parametrize(
    ("key", "model"),
    [
        ("settings", FinancialSettings),
        ("numbers", GroupNumbers),
        ("chip", ChipSettings),
        ("keys", BankKeys),
        ("plan.holding", Holding),
        ("plan.signing", Signing),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_the_bank_has_a_row_for_every_setting(key: str, model: type[BaseModel]) -> None:
    values = model().model_dump(mode="json")
    assert shown_in(BANK[key]) == {name: spelled(value) for name, value in values.items()}


def shown_in(text: str) -> dict[str, str]:
    """Settings and defaults of the tables in a text."""
    lines = (line.split("|") for line in text.splitlines() if line.startswith("| `"))
    return {cells[1].strip("` "): cells[2].strip() for cells in lines}


def written(value: object) -> str:
    """A value as the tables write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def spelled(value: object) -> str:
    """A value of the bank's tables: lists and tables by commas."""
    if isinstance(value, list):
        return ", ".join(spelled(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {spelled(each)}" for name, each in value.items())
    return written(value)


@pytest.mark.parametrize(
    "model", [CertificateSettings, CertificateRules, CertificateContents], ids=lambda m: m.__name__
)
def test_the_certificate_application_has_a_row_for_every_setting(model: type[BaseModel]) -> None:
    shown = shown_in(CERTIFICATES)
    for name, value in model().model_dump(mode="json").items():
        assert shown[name] == written(value), name


def test_its_names_pins_and_first_secrets_have_rows_too() -> None:
    shown, declared = shown_in(CERTIFICATES), load("national/3.00").structure.certificate
    assert declared is not None
    values = declared.model_dump(mode="json", exclude={"files", "rules", "contents", "settings"})
    parts = (CertificateSettings, CertificateRules, CertificateContents)
    settings = {name for model in parts for name in model.model_fields}
    assert shown == {
        **{name: shown[name] for name in settings},
        **{name: written(value) for name, value in values.items()},
        "certificate_application": load("2.00").structure.certificate_application,
    }


def test_the_national_profile_writes_the_certificate_application_out() -> None:
    data = tomllib.loads((profiles_dir() / "national" / "3.00.toml").read_text(encoding="utf-8"))
    written_out = data["certificate"]
    assert set(written_out) == set(CertificateApplication.model_fields)
    models = {
        "files": CertificateFiles,
        "rules": CertificateRules,
        "contents": CertificateContents,
        "settings": CertificateSettings,
    }
    for name, model in models.items():
        assert written_out[name] == model().model_dump(mode="json"), name


def test_the_national_profile_writes_the_settings_of_the_medical_account_out() -> None:
    data = tomllib.loads((profiles_dir() / "national" / "2.00.toml").read_text(encoding="utf-8"))
    assert set(data["medical"]["settings"]) == set(MedicalSettings.model_fields)
