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
_PARTS = re.split(r"(?m)^(?=## )", TEXT)
_OWN = ("## One COS alone", "## The certificate application")
COMMON = "".join(part for part in _PARTS if not part.startswith(_OWN))
"""Without the tables of single dialects (see test_dialect_assumptions), and without those of the
certificate application, some of whose settings are called as those of a COS."""
(CERTIFICATES,) = (part for part in _PARTS if part.startswith("## The certificate application"))
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
    shown = shown_in(COMMON)
    for name, value in model().model_dump(mode="json").items():
        assert shown[name] == written(value), name


def shown_in(text: str) -> dict[str, str]:
    """Settings and defaults of the tables in a text."""
    lines = (line.split("|") for line in text.splitlines() if line.startswith("| `"))
    return {cells[1].strip("` "): cells[2].strip() for cells in lines}


def written(value: object) -> str:
    """A value as the tables write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


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
