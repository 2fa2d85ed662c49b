"""``sscard demo --pcsc``: the main job through readers."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from sscard_ic.cli import root
from sscard_ic.simulator import describe_image
from sscard_ic.testing.service import PcscService


def test_the_demo_makes_reads_and_activates_cards_in_readers(
    service: PcscService, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    port = str(service.slots[0].port)
    options = ("--pcsc", "--port", port, "--cards", "2", "--out", str(out), "--json")
    result = CliRunner().invoke(root, ["--lang", "en", "demo", *options])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert [batch["verified"] for batch in summary["batches"]] == [2, 2]
    images = sorted((out / "cards").glob("*.img"))
    assert [describe_image(image).state for image in images] == ["issued"] * 4
    assert Path(summary["activated"]) in images
    assert "> 805E0100 ‹7 bytes›" in (out / "activation.trace").read_text(encoding="utf-8")
    assert not list(out.glob("hopper*"))


def test_a_port_without_reader_says_what_to_start(service: PcscService, tmp_path: Path) -> None:
    taken = {slot.port for slot in service.slots}
    port = next(port for port in range(40000, 41000) if port not in taken)
    options = ("--pcsc", "--port", str(port), "--out", str(tmp_path / "out"))
    result = CliRunner().invoke(root, ["--lang", "en", "demo", *options])
    assert result.exit_code == 1
    assert "no vpcd reader listens there" in result.output
    assert "sscard doctor" in result.output
