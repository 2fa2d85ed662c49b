"""Cards with real keys are made by operators who sign in, and the audit log names them."""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest
from click.testing import CliRunner, Result
from tests.support.plant import DATA, SAMPLES

from sscard_ic.base import Secret
from sscard_ic.base.authority import Role
from sscard_ic.cli import root
from sscard_ic.keys import SoftwareVault, merge_keys
from sscard_ic.keys.inventory import Environment
from sscard_ic.keys.published_roots import published_roots
from sscard_ic.ledger import AuditEntry, CardState, Ledger, operators
from sscard_ic.profile import load
from sscard_ic.reader.virtual import new_blank

BATCH = "dalian-210200-20261121-009"
PASSPHRASE = secrets.token_hex(12)
PEOPLE: dict[str, Role] = {"zhang": "operator", "zhao": "supervisor"}
PASSWORDS = {name: secrets.token_hex(8) for name in PEOPLE}
PRODUCTION = """
kind = "region"
extends = "regions/dalian"
[issuer]
environment = "production"
"""


@dataclass(frozen=True)
class Works:
    """A card maker with keys of one environment, and both kinds of profile."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def profile(self, environment: Environment) -> str:
        return "dalian" if environment == "test" else str(self.folder / "production.toml")

    def sscard(
        self, *arguments: str, code: int = 0, operator: str | None = None, typed: str = ""
    ) -> Result:
        env = {
            "SSCARD_HOME": str(self.home),
            "SSCARD_PASSPHRASE": PASSPHRASE,
            "SSCARD_LANG": "en",
        }
        if operator is not None:
            env |= {"SSCARD_OPERATOR": operator, "SSCARD_OPERATOR_PASSWORD": PASSWORDS[operator]}
        result = CliRunner(env=env).invoke(root, list(arguments), input=typed or None)
        assert result.exit_code == code, result.output
        assert PASSPHRASE not in result.output
        return result

    def order(
        self,
        environment: Environment,
        code: int = 0,
        operator: str | None = None,
        typed: str = "",
    ) -> Result:
        file = self.folder / f"{BATCH}.csv"
        lines = SAMPLES["dalian"].read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(lines[:3]))
        words = ["batch", "import", str(file), "--profile", self.profile(environment)]
        words += ["--photos", str(DATA / "photos")]
        return self.sscard(*words, code=code, operator=operator, typed=typed)

    def deck(self, blanks: int) -> str:
        for _ in range(blanks):
            new_blank(load("dalian"), self.folder / "deck")
        return f"--reader=virtual:dir:{self.folder / 'deck'}"

    def ledger(self) -> Ledger:
        return Ledger.open(self.home / "ledger.db")

    def audit(self) -> list[AuditEntry]:
        with self.ledger() as ledger:
            return list(ledger.audit.entries())

    def deeds(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """What was done to batches, how it ended, and who it was."""
        events = [entry.event for entry in self.audit()]
        return [
            (event.action, event.outcome, event.actors)
            for event in events
            if event.action.startswith(("batch.", "authorise."))
        ]


def build(folder: Path, environment: Environment) -> Works:
    """Keys whose values are published, whatever they are called."""
    works = Works(folder)
    works.home.mkdir(parents=True)
    (folder / "production.toml").write_text(PRODUCTION, encoding="utf-8")
    keys = merge_keys([load("dalian").keys])
    SoftwareVault.create(
        works.home / "vault.json",
        Secret(PASSPHRASE.encode()),
        environment=environment,
        keys=published_roots(keys, datetime(2026, 11, 21, tzinfo=UTC)),
    ).close()
    # Passwords that cost little to try: what they cost is tested elsewhere.
    cheap = mock.patch.object(operators, "SCRYPT", operators.Scrypt(16, 8, 1))
    with cheap, works.ledger() as ledger:
        for name in reversed(PEOPLE):
            password = Secret(PASSWORDS[name].encode())
            first = not ledger.operators.all()
            ledger.operators.add(name, (PEOPLE[name],), password, first=first)
    return works


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("works")
    build(folder / "production", "production")
    build(folder / "test", "test")
    return folder


@pytest.fixture
def real(templates: Path, tmp_path: Path) -> Works:
    """With real keys, as far as the program knows."""
    return Works(Path(shutil.copytree(templates / "production", tmp_path / "works")))


@pytest.fixture
def trial(templates: Path, tmp_path: Path) -> Works:
    """With test keys."""
    return Works(Path(shutil.copytree(templates / "test", tmp_path / "works")))


def test_an_operator_signs_in_for_every_deed(real: Works) -> None:
    real.order("production", operator="zhang")
    real.sscard("batch", "prepare", BATCH, operator="zhang")
    real.sscard("batch", "run", BATCH, real.deck(2), operator="zhang")
    real.sscard("batch", "return", BATCH, "--out", str(real.folder), operator="zhang")
    assert real.deeds() == [
        (f"batch.{action}", "done", ("zhang",)) for action in ("import", "prepare", "run", "return")
    ]
    with real.ledger() as ledger:
        assert ledger.counts(BATCH) == {CardState.VERIFIED: 2}
        assert ledger.audit.verify().broken is None


def test_an_operator_may_sign_in_at_the_terminal(real: Works) -> None:
    real.order("production", typed=f"zhang\n{PASSWORDS['zhang']}\n")
    assert real.deeds() == [("batch.import", "done", ("zhang",))]


@pytest.mark.parametrize("who", [None, "zhao"], ids=["nobody", "a supervisor"])
def test_without_an_operator_nothing_is_done(who: str | None, real: Works) -> None:
    refused = real.order("production", code=1, operator=who)
    assert "Traceback" not in refused.output
    with real.ledger() as ledger:
        assert ledger.batches() == ()
    ((action, outcome, _),) = real.deeds()
    assert (action, outcome) == ("authorise.refused", "refused")
    real.order("production", operator="zhang")
    reader = real.deck(1)
    for deed in (("prepare",), ("run", reader), ("return",)):
        real.sscard("batch", deed[0], BATCH, *deed[1:], code=1, operator=who)
    with real.ledger() as ledger:
        assert ledger.counts(BATCH) == {CardState.ACCEPTED: 2}
    assert len(list((real.folder / "deck").glob("*.img"))) == 1
    assert not (real.folder / f"{BATCH}.return.csv").exists()


def test_a_resumed_run_needs_an_operator(real: Works) -> None:
    real.order("production", operator="zhang")
    real.sscard("batch", "prepare", BATCH, operator="zhang")
    with real.ledger() as ledger:  # the program ended right after a row was claimed
        begun = ledger.claim_next(BATCH, "virtual:deck", bytes.fromhex("0000000000A1"))
    assert begun is not None
    reader = real.deck(2)
    real.sscard("batch", "run", BATCH, reader, "--lost", "1", code=1)
    with real.ledger() as ledger:
        assert ledger.card(begun.id).state is CardState.STARTED, "nothing was given up"
    refusal = real.audit()[-1].event
    assert (refusal.action, refusal.subject) == ("authorise.refused", BATCH)
    assert refusal.detail["action"] == "batch.resume"
    real.sscard("batch", "run", BATCH, reader, "--lost", "1", operator="zhang")
    resumed = [entry.event for entry in real.audit() if entry.event.action == "batch.resume"]
    assert [(event.actors, dict(event.detail)) for event in resumed] == [
        (("zhang",), {"lost_rows": "1"})
    ]
    with real.ledger() as ledger:
        assert ledger.counts(BATCH) == {CardState.VERIFIED: 2}


def test_test_keys_need_nobody(trial: Works) -> None:
    trial.order("test")
    trial.sscard("batch", "run", BATCH, trial.deck(2))
    assert {actors for _, _, actors in trial.deeds()} == {("-",)}
    trial.sscard("batch", "return", BATCH, "--out", str(trial.folder), operator="zhang")
    assert trial.deeds()[-1] == ("batch.return", "done", ("zhang",))


@pytest.mark.parametrize("keys", ["test", "production"])
def test_keys_and_profiles_of_two_environments_never_meet(
    keys: Environment, templates: Path, tmp_path: Path
) -> None:
    works = Works(Path(shutil.copytree(templates / keys, tmp_path / "works")))
    other: Environment = "production" if keys == "test" else "test"
    refused = works.order(other, code=1, operator="zhang")
    assert f"holds {keys} keys; the profile is of {other}" in refused.stderr
    assert works.deeds() == []
    with works.ledger() as ledger:
        assert ledger.batches() == ()
    # A batch of one environment is not run with the keys of the other.
    works.order(keys, operator="zhang")
    shutil.copy(templates / other / "home" / "vault.json", works.home / "vault.json")
    before = works.deeds()
    reader = works.deck(1)
    for deed in (("prepare",), ("run", reader, "--lost", "1"), ("return",)):
        told = works.sscard("batch", deed[0], BATCH, *deed[1:], code=1, operator="zhang")
        assert f"holds {other} keys; the profile is of {keys}" in told.stderr
    assert works.deeds() == before


def test_the_audit_log_as_json_names_the_operator(real: Works) -> None:
    real.order("production", operator="zhang")
    listed = json.loads(real.sscard("audit", "list", "--json").stdout)
    entries = listed["entries"] if isinstance(listed, dict) else listed
    (entry,) = [entry for entry in entries if entry["action"] == "batch.import"]
    assert entry["actors"] == ["zhang"]
    assert entry["subject"] == BATCH
