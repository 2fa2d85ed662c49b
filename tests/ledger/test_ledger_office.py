"""Operators in any order of deeds, against a model of a few lines."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from sscard_ic.base import FixedClock, InputError, Secret
from sscard_ic.base.authority import NotAuthorised, Role
from sscard_ic.ledger import Ledger, operators

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TEMPLATE = Path()
"""A new ledger."""


@dataclass(frozen=True)
class Person:
    roles: frozenset[Role]
    password: bytes
    active: bool = True
    failed: int = 0

    @property
    def may(self) -> bool:
        return self.active and self.failed < operators.LOCK_AFTER


passwords = st.sampled_from([b"first password", b"second password", b"third password"])
role_sets = st.frozensets(st.sampled_from(get_args(Role)), min_size=1)


class Office(RuleBasedStateMachine):
    """The ledger against the model; time stands still."""

    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "ledger.db"
        shutil.copy(TEMPLATE, path)
        self.ledger = Ledger.open(path, clock=FixedClock(START))
        self.people: dict[str, Person] = {}
        self.recorded = 0

    def teardown(self) -> None:
        try:
            report = self.ledger.audit.verify()
            assert (report.broken, report.head.seq) == (None, self.recorded)
        finally:
            self.ledger.close()
            self.folder.cleanup()

    def lone(self, name: str) -> bool:
        supervisors = [
            each for each, p in self.people.items() if p.active and "supervisor" in p.roles
        ]
        return supervisors == [name]

    @initialize(target=names, password=passwords)
    def begin(self, password: bytes) -> str:
        return self.added("chief", frozenset({"supervisor"}), password, first=True)

    @rule(target=names, number=st.integers(0, 3), roles=role_sets, password=passwords)
    def add(self, number: int, roles: frozenset[Role], password: bytes) -> str:
        name = f"person {number}"
        if name in self.people:
            with pytest.raises(InputError):
                self.ledger.operators.add(name, roles, Secret(password))
            return name
        return self.added(name, roles, password, first=False)

    def added(self, name: str, roles: frozenset[Role], password: bytes, *, first: bool) -> str:
        self.ledger.operators.add(name, roles, Secret(password), first=first)
        self.people[name] = Person(roles, password)
        self.recorded += 1
        return name

    @rule(name=names, password=passwords)
    def sign_in(self, name: str, password: bytes) -> None:
        person = self.people[name]
        if person.may and password == person.password:
            signed_in = self.ledger.operators.sign_in(name, Secret(password))
            assert set(signed_in.roles) == person.roles
            self.people[name] = replace(person, failed=0)
            return
        with pytest.raises(NotAuthorised):
            self.ledger.operators.sign_in(name, Secret(password))
        self.recorded += 1
        if person.may:
            self.people[name] = replace(person, failed=person.failed + 1)

    @rule(name=names, roles=role_sets)
    def set_roles(self, name: str, roles: frozenset[Role]) -> None:
        if self.lone(name) and "supervisor" not in roles:
            with pytest.raises(InputError):
                self.ledger.operators.set_roles(name, roles)
            return
        self.ledger.operators.set_roles(name, roles)
        self.people[name] = replace(self.people[name], roles=roles)
        self.recorded += 1

    @rule(name=names, password=passwords)
    def set_password(self, name: str, password: bytes) -> None:
        self.ledger.operators.set_password(name, Secret(password))
        self.people[name] = replace(self.people[name], password=password)
        self.recorded += 1

    @rule(name=names)
    def disable(self, name: str) -> None:
        if self.lone(name):
            with pytest.raises(InputError):
                self.ledger.operators.disable(name)
            return
        self.ledger.operators.disable(name)
        self.people[name] = replace(self.people[name], active=False)
        self.recorded += 1

    @rule(name=names)
    def enable(self, name: str) -> None:
        self.ledger.operators.enable(name)
        self.people[name] = replace(self.people[name], active=True, failed=0)
        self.recorded += 1

    @invariant()
    def as_the_model_says(self) -> None:
        found = {
            each.name: (
                frozenset(each.roles),
                each.state == "active",
                each.failed_tries,
                each.locked,
            )
            for each in self.ledger.operators.all()
        }
        assert found == {
            name: (p.roles, p.active, p.failed, p.failed >= operators.LOCK_AFTER)
            for name, p in self.people.items()
        }
        assert self.people == {} or self.ledger.operators.supervisors() > 0


def test_the_office(new_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "SCRYPT", operators.Scrypt(n=2, r=1, p=1))
    monkeypatch.setattr(f"{__name__}.TEMPLATE", new_ledger)
    run_state_machine_as_test(
        Office, settings=settings(max_examples=20, stateful_step_count=30, deadline=None)
    )
