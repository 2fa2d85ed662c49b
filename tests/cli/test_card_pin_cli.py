"""``sscard card pin``, ``block`` and ``unblock`` on a virtual card."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.profiles import only
from tests.support.templates import Template

from sscard_ic.base import Secret
from sscard_ic.cli import root
from sscard_ic.keys import SoftwareVault, published_roots
from sscard_ic.profile import load

PINS = {"SSCARD_PIN": "123456", "SSCARD_NEW_PIN": "258036"}
CHANGED = {"SSCARD_PIN": "258036", "SSCARD_NEW_PIN": "258037"}


@dataclass(frozen=True)
class Counter:
    """A card image, and a home with the vault of the test keys."""

    image: Path
    env: dict[str, str]

    def run(self, *arguments: str, keyboard: str | None = None, **env: str) -> Result:
        """``sscard card …`` at the card."""
        words = ["card", *arguments, "--reader", f"virtual:{self.image}"]
        return CliRunner(env={**self.env, **env}).invoke(root, words, input=keyboard)

    def done(self, *arguments: str, **env: str) -> dict[str, Any]:
        """The JSON of a command that succeeds."""
        result = self.run(*arguments, "--json", **env)
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def error(self, *arguments: str, **env: str) -> dict[str, Any]:
        """The error of a command that fails."""
        result = self.run(*arguments, "--json", **env)
        assert result.exit_code == 1, result.output
        found: dict[str, Any] = json.loads(result.stdout)["error"]
        return found

    def blocked(self) -> list[tuple[str, str]]:
        """What ``sim show`` says is blocked."""
        words = ["sim", "show", str(self.image), "--json"]
        shown = json.loads(CliRunner(env=self.env).invoke(root, words).stdout)
        return [(each["path"], each["lock"]) for each in shown["blocked"]]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, plant_vault: SoftwareVault) -> Template:
    profile = only(load("dalian"), "MF", "SSSE", "DF01", "DF04")
    return Template.make(tmp_path_factory.mktemp("card"), plant_vault, profile)


@pytest.fixture
def counter(tmp_path: Path, template: Template) -> Counter:
    home = tmp_path / "home"
    home.mkdir()
    # The workshop's vault: its passphrase is "test".
    shutil.copy(template.vault.path, home / "vault.json")
    env = {"SSCARD_HOME": str(home), "SSCARD_PASSPHRASE": "test", "SSCARD_LANG": "en"}
    cards = tmp_path / "cards"
    cards.mkdir()
    return Counter(template.copy(cards), env)


class TestPin:
    def test_change(self, counter: Counter) -> None:
        assert counter.done("pin", "change", **PINS) == {
            "pin": "changed",
            "replayed": False,
            "profile": "regions/dalian",
        }
        assert counter.done("pin", "change", **CHANGED)["pin"] == "changed"

    def test_change_says_it_in_words(self, counter: Counter) -> None:
        result = counter.run("pin", "change", **PINS)
        assert result.exit_code == 0
        assert "The PIN is changed." in result.stderr
        assert "258036" not in result.output

    def test_a_wrong_pin_is_told_with_the_tries_left(self, counter: Counter) -> None:
        error = counter.error("pin", "change", **{**PINS, "SSCARD_PIN": "999999"})
        assert "2 tries left" in error["message"]
        assert counter.done("pin", "change", **PINS)["pin"] == "changed"

    @pytest.mark.parametrize(
        ("new", "message"),
        [("123456", "too simple"), ("12345", "has 6 digits"), ("258036", "the old one")],
    )
    def test_a_pin_that_is_not_allowed(self, counter: Counter, new: str, message: str) -> None:
        counter.done("pin", "change", **PINS)
        pins = {"SSCARD_PIN": "258036", "SSCARD_NEW_PIN": new}
        assert message in counter.error("pin", "change", **pins)["message"]

    def test_unblock(self, counter: Counter) -> None:
        wrong = {**PINS, "SSCARD_PIN": "999999"}
        for _ in range(3):
            counter.error("pin", "change", **wrong)
        assert "6983" in counter.error("pin", "change", **PINS)["message"]
        assert counter.done("pin", "unblock")["pin"] == "unblocked"
        assert counter.done("pin", "change", **PINS)["pin"] == "changed"

    def test_reset(self, counter: Counter) -> None:
        asked = counter.run("pin", "reset", keyboard="n\n", **PINS)
        assert asked.exit_code == 1
        assert "Nothing was changed" in asked.stderr
        asked = counter.run("pin", "reset", keyboard="y\n", **PINS)
        assert asked.exit_code == 0, asked.output
        assert "The new PIN is set." in asked.stderr
        assert "258036" not in asked.output
        assert counter.done("pin", "change", **CHANGED)["pin"] == "changed"
        assert counter.done("pin", "reset", "--yes", **PINS)["pin"] == "reset"

    def test_reset_checks_the_new_pin(self, counter: Counter) -> None:
        error = counter.error("pin", "reset", "--yes", SSCARD_NEW_PIN="111111")
        assert "too simple" in error["message"]

    def test_without_a_vault(self, counter: Counter, tmp_path: Path) -> None:
        error = counter.error("pin", "unblock", SSCARD_HOME=str(tmp_path / "empty"))
        assert "vault.json" in error["where"]

    def test_a_vault_without_the_keys(
        self, counter: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        declared = {k: v for k, v in load("dalian").keys.items() if k != "PUK"}
        path = tmp_path / "poor.json"
        published_roots.create_test_vault(path, Secret(b"test"), declared)
        error = counter.error("pin", "unblock", "--vault", str(path))
        assert "PUK" in error["message"]

    def test_chinese(self, counter: Counter) -> None:
        result = counter.run("pin", "unblock", SSCARD_LANG="zh")
        assert "密码已解锁" in result.stderr

    def test_a_recording_changes_no_card(self, counter: Counter, tmp_path: Path) -> None:
        trace = str(tmp_path / "reset.trace")
        reset = ("card", "pin", "reset", "--yes", "--json")
        runner = CliRunner(env={**counter.env, **PINS})
        card = ("--reader", f"virtual:{counter.image}")
        words = ["trace", "record", "--with-secrets", trace, "--", *reset, *card]
        assert runner.invoke(root, words).exit_code == 0
        assert counter.done("pin", "change", **CHANGED)["pin"] == "changed"
        replayed = runner.invoke(root, ["trace", "replay", trace, "--", *reset])
        assert json.loads(replayed.stdout)["replayed"] is True, replayed.output
        again = {"SSCARD_PIN": "258037", "SSCARD_NEW_PIN": "258036"}
        assert counter.done("pin", "change", **again)["pin"] == "changed"

    def test_a_trace_shows_nothing_of_the_new_pin(self, counter: Counter, tmp_path: Path) -> None:
        trace = tmp_path / "reset.trace"
        runner = CliRunner(env={**counter.env, **PINS})
        reset = ("card", "pin", "reset", "--yes", "--reader", f"virtual:{counter.image}")
        assert runner.invoke(root, ["trace", "record", str(trace), "--", *reset]).exit_code == 0
        (line,) = (line for line in trace.read_text("utf-8").splitlines() if "84240001" in line)
        assert line.strip() == "> 84240001 ‹12 bytes›"


class TestBlocking:
    def test_an_application(self, counter: Counter) -> None:
        asked = counter.run("block", "--application", "DF04", keyboard="n\n")
        assert asked.exit_code == 1
        assert "Block DF04 of the card 2102" in asked.stderr
        assert counter.blocked() == []
        done = counter.done("block", "--application", "df04", "--yes")
        assert (done["blocked"], done["permanently"]) == ("DF04", False)
        assert counter.blocked() == [("3F00/DDF1/DF04", "temporary")]
        assert counter.done("unblock", "--application", "DF04")["unblocked"] == "DF04"
        assert counter.blocked() == []

    def test_for_good(self, counter: Counter) -> None:
        done = counter.done("block", "--application", "DF04", "--permanent", "--yes")
        assert done["permanently"] is True
        assert counter.blocked() == [("3F00/DDF1/DF04", "permanent")]
        error = counter.error("unblock", "--application", "DF04")
        assert "9303" in error["message"]
        assert "replaced" in error["hint"]

    def test_the_whole_application(self, counter: Counter) -> None:
        assert counter.done("block", "--yes")["blocked"] == "SSSE"
        error = counter.error("pin", "change", **PINS)
        assert "6283" in error["message"]
        assert "sscard card unblock" in error["hint"]
        error = counter.error("unblock")
        assert "--profile" in error["hint"]
        error = counter.error("unblock", "--profile", "2.00")
        assert "--profile" in error["hint"], "a national profile knows no city"
        assert counter.done("unblock", "--profile", "dalian")["unblocked"] == "SSSE"
        assert counter.done("pin", "change", **PINS)["pin"] == "changed"

    def test_the_card(self, counter: Counter) -> None:
        asked = counter.run("block", "--card", keyboard="y\n")
        assert asked.exit_code == 0, asked.output
        assert "nothing undoes that" in asked.stderr
        assert [lock for _, lock in counter.blocked()] == ["card", "card"]
        for command in (("pin", "change"), ("unblock",), ("block", "--yes")):
            error = counter.error(*command, **PINS)
            assert "6A81" in error["message"]
            assert "replaced" in error["hint"]

    def test_sim_show_in_words(self, counter: Counter) -> None:
        counter.done("block", "--application", "DF04", "--yes")
        words = ["sim", "show", str(counter.image)]
        shown = CliRunner(env=counter.env).invoke(root, words).output
        assert "3F00/DDF1/DF04 (for a time)" in shown
        assert "ATR, contactless" in shown

    @pytest.mark.parametrize("more", [("--application", "DF04"), ("--permanent",)])
    def test_words_that_exclude_each_other(self, counter: Counter, more: tuple[str, ...]) -> None:
        assert counter.run("block", "--card", *more).exit_code == 2

    def test_an_application_that_is_not_there(self, counter: Counter) -> None:
        error = counter.error("block", "--application", "DF4", "--yes")
        assert error["where"] == "DF4"
        assert "DF0" in error["hint"]
        error = counter.error("block", "--application", "MF", "--yes")
        assert "no maintenance key" in error["message"]


def test_the_contactless_face(counter: Counter) -> None:
    face = f"virtual:contactless:{counter.image}"
    result = CliRunner(env=counter.env).invoke(root, ["read", "--reader", face, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["atr"].startswith("3B8D8001")
    words = ["card", "pin", "unblock", "--reader", face, "--json"]
    unblocked = CliRunner(env=counter.env).invoke(root, words)
    assert json.loads(unblocked.stdout)["pin"] == "unblocked", "card keys are the same there"
