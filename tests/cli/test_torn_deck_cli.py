"""A deck in which most cards have a fault on order: the batch is run until it is whole."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result
from tests.support.plant import DATA, SAMPLES

from sscard_ic.cli import root
from sscard_ic.profile import load
from sscard_ic.reader.virtual import new_blank
from sscard_ic.simulator import FaultFile, describe_image

FAULTS = (
    "removed --after 100",
    "mute --after 60",
    "mute-reset",
    "torn-before",
    "torn-before --after 40",
    "torn-after --after 40",
    "torn-before --after 90 --times 3",
    "slow --milliseconds 1 --times 5",
)
CARDS = len(FAULTS) + 1
MOST_RUNS = 12
"""One for each time a card is lost, and some more."""


def test_torn_cards_are_made_in_later_runs(tmp_path: Path) -> None:
    env = {"SSCARD_HOME": str(tmp_path / "home"), "SSCARD_PASSPHRASE": "x", "SSCARD_LANG": "en"}

    def run(*arguments: str) -> Result:
        return CliRunner(env=env).invoke(root, list(arguments))

    file = tmp_path / "dalian-210200-20261121-006.csv"
    rows = SAMPLES["dalian"].read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(rows[: CARDS + 1]))
    run("keys", "init", "--test")
    run("batch", "import", str(file), "--profile", "dalian", "--photos", str(DATA / "photos"))
    deck = tmp_path / "deck"
    names = sorted(new_blank(load("dalian"), deck).name for _ in range(CARDS))
    for name, fault in zip(names, FAULTS, strict=False):
        assert run("sim", "fault", str(deck / name), *fault.split()).exit_code == 0
    for _ in range(MOST_RUNS):
        result = run("batch", "run", file.stem, "--reader", f"virtual:dir:{deck}")
        if result.exit_code == 0:
            break
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (deck / "good").iterdir()) == names, "and no fault is left"
    assert not list(deck.glob("*.img*"))
    for name in names:
        assert describe_image(deck / "good" / name).state == "issued"
        assert FaultFile(deck / "good" / name).read() == {}
    returned = run("batch", "return", file.stem, "--out", str(tmp_path))
    assert returned.exit_code == 0, returned.output
