"""What one COS dialect leaves open has a table of its own in docs/assumptions.md."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.base.resources import profiles_dir
from sscard_ic.profile.cos import DIALECTS, parse_dialect
from sscard_ic.profile.dialect import Settings

TEXT = (Path(__file__).parents[2] / "docs" / "assumptions.md").read_text(encoding="utf-8")
HEAD = {"kind", "zh", "en"}


def _data(name: str) -> dict[str, Any]:
    return tomllib.loads((profiles_dir() / "cos" / f"{name}.toml").read_text(encoding="utf-8"))


def _rows(name: str) -> dict[str, str]:
    """Setting and default of every row of the dialect's table."""
    (section,) = [part for part in re.split(r"(?m)^##+ ", TEXT) if part.startswith(f"`cos/{name}`")]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    return {cells[1].strip("` "): cells[2].strip() for cells in rows}


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("name", DIALECTS)
def test_its_rows_are_its_own_settings_and_its_other_defaults(name: str) -> None:
    data = _data(name)
    settings = parse_dialect({key: data[key] for key in data if key not in HEAD}).settings
    common = Settings().model_dump(mode="json")
    own = {
        key: _written(value)
        for key, value in settings.model_dump(mode="json").items()
        if key not in common or common[key] != value
    }
    assert _rows(name) == own


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("part", ["settings", "features", "messaging"])
def test_a_dialect_writes_every_setting_out(name: str, part: str) -> None:
    data = _data(name)
    model = getattr(parse_dialect({key: data[key] for key in data if key not in HEAD}), part)
    assert set(data[part]) == set(type(model).model_fields)
