"""The same card on another COS than its profile says."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_ic.base import InputError
from sscard_ic.base.resources import profiles_dir
from sscard_ic.profile import ProfileError, check, load
from sscard_ic.profile.cos import DIALECTS
from sscard_ic.profile.cos.mcos import McosDialect


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_takes_every_card(name: str) -> None:
    own = load("dalian")
    other = load("dalian", cos=name)
    assert other.dialect.name == name
    assert (other.name, other.region) == (own.name, own.region)
    assert list(other.structure.directories) == list(own.structure.directories)
    assert load("dalian", cos=name) is other
    assert load("dalian").dialect.name == "t514"


def test_it_is_named_by_its_path_or_file_too(tmp_path: Path) -> None:
    assert load("dalian", cos="cos/mcos").dialect == load("dalian", cos="mcos").dialect
    source = (profiles_dir() / "cos" / "mcos.toml").read_text(encoding="utf-8")
    file = tmp_path / "other.toml"
    file.write_text(source.replace("master_limit = 15", "master_limit = 3"), encoding="utf-8")
    dialect = load("dalian", cos=str(file)).dialect
    assert isinstance(dialect, McosDialect)
    assert dialect.settings.master_limit == 3


@pytest.mark.parametrize("name", ["m-cos", "national/2.00"])
def test_an_unknown_one_is_refused_with_those_that_exist(name: str) -> None:
    with pytest.raises(InputError, match="no such COS") as refused:
        load("dalian", cos=name)
    assert refused.value.where == name
    assert refused.value.hint is not None
    assert all(known in refused.value.hint.en for known in DIALECTS)


def test_a_cos_without_interpreter_is_refused_at_its_line(tmp_path: Path) -> None:
    source = (profiles_dir() / "cos" / "t514.toml").read_text(encoding="utf-8")
    file = tmp_path / "cos.toml"
    file.write_text(source.replace('name = "t514"', 'name = "t515"'), encoding="utf-8")
    with pytest.raises(ProfileError, match="must be one of") as refused:
        check(str(file))
    (problem,) = refused.value.problems
    line = source.splitlines().index('name = "t514"') + 1
    assert (problem.place.line, problem.key) == (line, "name")
