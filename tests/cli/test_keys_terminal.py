"""The ceremony at a real terminal: what it shows, and what it never shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.cli.ceremony_home import PASSPHRASE, PASSWORDS, Component, Home, build
from tests.support.terminal import Terminal

WIPED = "\x1b[2J\x1b[3J\x1b[H"
WHOLE = "Enter where nobody knows it)"
CARRIER = "Number of the carrier (envelope, card)"
COMPONENT = "Component (32 hex digits, not shown)"
CHECK_VALUE = "Check value of this component"
NAME = "Name"
COMBINE = ("keys", "combine", "UKSSSE", "--version", "2")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(build(tmp_path_factory.mktemp("site") / "home", "production", ("wang", "li")))


@pytest.fixture
def home(template: Home, tmp_path: Path) -> Home:
    home = template.copy(tmp_path / "home")
    del home.env["SSCARD_PASSPHRASE"]
    return home


class Sitting:
    """Two custodians at one terminal."""

    def __init__(self) -> None:
        self.parts = Component.new(), Component.new()
        self.whole = self.parts[0] ^ self.parts[1]
        self.questions = [
            ("Passphrase of the vault", PASSPHRASE),
            (WHOLE, self.whole.check_value),
        ]
        for name, part in zip(("wang", "li"), self.parts, strict=True):
            self.questions += [
                (NAME, name),
                ("Password", PASSWORDS[name]),
                (CARRIER, f"envelope of {name}"),
                (COMPONENT, part.digits),
                (CHECK_VALUE, part.check_value),
            ]

    def require_unseen(self, shown: str) -> None:
        bare = "".join(shown.split()).upper()
        for secret in (
            *(each.digits for each in (*self.parts, self.whole)),
            *(each.digits[:8] for each in (*self.parts, self.whole)),
            *PASSWORDS.values(),
            PASSPHRASE,
        ):
            assert secret.upper() not in bare


def test_nothing_secret_is_ever_shown(home: Home) -> None:
    sitting = Sitting()
    with Terminal(*COMBINE, env=home.env) as terminal:
        for prompt, answer in sitting.questions:
            terminal.answer(prompt, answer)
        assert terminal.finish() == 0, terminal.shown
    shown = terminal.shown
    sitting.require_unseen(shown)
    # What is not secret was echoed, so the screen above is the whole of what was typed.
    first, between, record = shown.split(WIPED)
    assert "envelope of wang" in first and sitting.parts[0].check_value in first
    # The second custodian sees what it is for on the wiped screen.
    assert "key.combine UKSSSE 02 3DES" in between and "part 2 of 2" in between
    assert "envelope of li" in between and sitting.parts[1].check_value in between
    assert "envelope of wang" not in between
    assert sitting.whole.check_value in record
    assert [info.check_value for info in home.held()] == [sitting.whole.check_value]


@pytest.mark.parametrize("answered", [5, 11])
def test_ctrl_c_stores_nothing(home: Home, answered: int) -> None:
    sitting = Sitting()
    before = home.vault_file.read_bytes()
    with Terminal(*COMBINE, env=home.env) as terminal:
        for prompt, answer in sitting.questions[:answered]:
            terminal.answer(prompt, answer)
        terminal.expect(f"{sitting.questions[answered][0]}: ")
        terminal.interrupt()
        assert terminal.finish() == 1
    sitting.require_unseen(terminal.shown)
    assert "Traceback" not in terminal.shown
    assert home.vault_file.read_bytes() == before
    assert [outcome for _, outcome, _ in home.deeds()] == ["failed"]


def test_a_new_component_is_shown_once(home: Home) -> None:
    command = "keys", "component", "UKSSSE", "--version", "2"
    with Terminal(*command, env=home.env) as terminal:
        terminal.answer("Passphrase of the vault", PASSPHRASE)
        terminal.answer(NAME, "wang")
        terminal.answer("Password", PASSWORDS["wang"])
        terminal.answer(CARRIER, "E-0007")
        terminal.answer("Press Enter when it is copied and compared", "")
        assert terminal.finish() == 0, terminal.shown
    screen, record = terminal.shown.split(WIPED)
    found = re.search(r"component: ((?:[0-9A-F]{4} ){7}[0-9A-F]{4})\r", screen)
    assert found is not None
    component = Component(bytes.fromhex(found[1]), "3des")
    assert f"check value: {component.check_value}" in screen
    assert component.check_value in record and "E-0007" in record
    bare = "".join(record.split())
    assert component.digits not in bare and component.digits[:8] not in bare
    assert home.held() == []
    event = home.audit()[-1].event
    assert (event.action, event.outcome, event.actors) == ("key.component", "done", ("wang",))
    for file in home.folder.rglob("*"):
        content = file.read_bytes()
        assert component.value not in content
        assert component.digits.encode() not in content.upper()


def test_output_of_a_component_into_a_pipe_is_refused(home: Home) -> None:
    result = home.run("component", "UKSSSE", "--version", "2", "--json")
    assert result.exit_code == 1
    assert "never in a file or a pipe" in result.stderr
    assert home.deeds() == []
