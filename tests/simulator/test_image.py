"""Images: every change is on disk before its answer, whatever happens to the program."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.simulator import cards
from tests.simulator.cards import DF01, SERIAL, SSSE, STEPS, VERIFY, Card, Randomness

from sscard_ic.base import InputError
from sscard_ic.profile import CardProfile
from sscard_ic.simulator import ImageInUse, Memory, blank, describe_image, open_image

UPDATE = "00DC022C030201{:02X}"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The finished card of ref 11 §8 in a file."""
    path = tmp_path / "card.img"
    cards.finished_card(path=path).chip.close()
    return path


def _opened(path: Path) -> Card:
    randomness = Randomness()
    chip = open_image(path, entropy=randomness)
    chip.power_on()
    return Card(chip, randomness)


def _on_disk(path: Path) -> dict[str, object]:
    return dict(Memory.read(path).states)


def test_every_step_is_on_disk_before_its_answer(tmp_path: Path) -> None:
    path = tmp_path / "card.img"
    card = cards.blank_card(path=path, presented=False)
    for step in STEPS:
        card.send(step["apdu"])
        assert _on_disk(path) == card.chip.persistent_state(), step
    for apdu in (SSSE, "0020000003999999", VERIFY, "805E010007123456FF654321"):
        card.sw(apdu)
        assert _on_disk(path) == card.chip.persistent_state()
    card.chip.close()
    again = open_image(path)
    assert again.persistent_state() == card.chip.persistent_state()


def test_a_reopened_card_is_the_same_card(image: Path) -> None:
    card = _opened(image)
    fresh = cards.finished_card()
    assert card.chip.persistent_state() == fresh.chip.persistent_state()
    assert card.chip.atr == fresh.chip.atr
    for apdu in (
        SSSE, "00B2013404", "00B2012D00", DF01, "00B2012C04", VERIFY, "00B2012C04",
        cards.DF04, "00B2014500", "00B201441C", "00B202441C", "00B201AC03", "0084000008",
        "80E0020000", cards.TRANSPORT,
    ):  # fmt: skip
        assert card.raw(apdu) == fresh.raw(apdu), apdu


def test_contents_survive(image: Path) -> None:
    card = _opened(image)
    card.data(SSSE)
    assert card.authenticate(0x04, "41" * 16) == "9000"
    for offset in range(0, 0x1000, 0x80):
        apdu = f"00D6{offset >> 8:02X}{offset & 0xFF:02X}80" + f"{offset >> 7:02X}" * 0x80
        card.data("00A4000002EF08")
        assert card.sw(apdu) == "9000"
    card.chip.close()
    card = _opened(image)
    card.data(SSSE)
    assert card.authenticate(0x0A, "A1" * 16) == "9000"
    card.data("00A4000002EF08")
    for offset in range(0, 0x1000, 0x80):
        expected = f"{offset >> 7:02X}" * 0x80
        assert card.data(f"00B0{offset >> 8:02X}{offset & 0xFF:02X}80") == expected


def test_what_changes_nothing_writes_nothing(image: Path) -> None:
    card = _opened(image)
    before = image.read_bytes()
    for apdu in (
        SSSE, "00B2013404", "0084000008", "00B2012D00", VERIFY, "00DC022C03020134", DF01,
        cards.TRANSPORT, "80E0020000", "FFFFFFFF", "00A4040005D156000005",
    ):  # fmt: skip
        card.send(apdu)
    card.data(SSSE)
    assert card.authenticate(0x04, "41" * 16) == "9000"
    assert card.sw("00DC022C03020133") == "9000", "as it was"
    card.reset()
    card.chip.close()
    assert image.read_bytes() == before


def test_one_command_appends_one_line(image: Path) -> None:
    card = _opened(image)
    card.data(SSSE)
    before = image.read_bytes()
    assert card.sw("0020000003999999") == "63C2"
    after = image.read_bytes()
    assert after.startswith(before)
    line = after[len(before) :]
    assert line.endswith(b"\n")
    assert json.loads(line) == {"ssc/3F00/DDF1/EF80/010000/tries": 2}


def test_a_torn_line_is_dropped(image: Path) -> None:
    card = _opened(image)
    card.data(SSSE)
    before = card.chip.persistent_state()
    whole = image.read_bytes()
    card.sw("0020000003999999")
    after = card.chip.persistent_state()
    card.chip.close()
    written = image.read_bytes()
    for end in range(len(whole), len(written)):
        image.write_bytes(written[:end])
        assert _on_disk(image) == before
        card = _opened(image)
        assert card.chip.persistent_state() == before
        card.data(SSSE)
        assert card.sw("0020000003999999") == "63C2"
        card.chip.close()
        assert image.read_bytes() == written, "the rest of the torn line is gone"
    image.write_bytes(written)
    assert _on_disk(image) == after


_KILLED = """
import os, signal, sys
from pathlib import Path
from sscard_ic.simulator import open_image
chip = open_image(Path(sys.argv[1]))
chip.power_on()
chip.transmit(bytes.fromhex(sys.argv[2]))
print(chip.transmit(bytes.fromhex("0020000003999999")).hex(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_answered_change_survives_sigkill(image: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(image), SSSE], capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.strip() == b"63c2"
    card = _opened(image)
    card.data(SSSE)
    assert card.sw("0020000003999999") == "63C1"


_HOLDING = """
import sys
from pathlib import Path
from sscard_ic.simulator import open_image
chip = open_image(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.readline()
"""


def test_two_programs_cannot_hold_one_card(image: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDING, str(image)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"open"
        with pytest.raises(InputError, match="another program"):
            open_image(image)
        assert describe_image(image).state == "issued", "looking is allowed"
        holder.communicate(b"\n")
    open_image(image).close()


def test_one_program_holds_a_card_once(image: Path) -> None:
    chip = open_image(image)
    link = image.with_name("link.img")
    os.link(image, link)
    for path in (image, link):
        with pytest.raises(ImageInUse):
            open_image(path)
    assert describe_image(image).state == "issued"
    # Neither a refused opening nor a look lets go of it.
    other = subprocess.run(
        [sys.executable, "-c", _HOLDING, str(image)], capture_output=True, check=False
    )
    assert b"ImageInUse" in other.stderr
    chip.close()
    open_image(link).close()


def test_a_killed_program_leaves_no_lock(image: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDING, str(image)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"open"
        holder.kill()
    open_image(image).close()


def test_a_file_replaced_while_it_is_opened(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replaced(descriptor: int, command: int) -> None:
        image.rename(image.with_name("old.img"))
        image.write_bytes(image.with_name("old.img").read_bytes())

    monkeypatch.setattr(fcntl, "flock", replaced)
    with pytest.raises(InputError, match="another program"):
        open_image(image)

    monkeypatch.setattr(fcntl, "flock", lambda descriptor, command: image.unlink())
    with pytest.raises(InputError, match="another program"):
        open_image(image)


def test_a_long_log_is_rewritten(image: Path) -> None:
    card = _opened(image)
    card.data(SSSE)
    card.authenticate(0x04, "41" * 16)
    card.data("00A4000002EF08")
    for value in range(200):
        assert card.sw("00D6000080" + f"{value:02X}" * 0x80) == "9000"
    grown = image.stat().st_size
    state = card.chip.persistent_state()
    card.chip.close()
    assert image.stat().st_size < grown / 4
    assert stat.S_IMODE(image.stat().st_mode) == 0o600
    assert list(image.parent.iterdir()) == [image]
    card = _opened(image)
    assert card.chip.persistent_state() == state
    card.data(SSSE)
    assert card.sw("0020000003999999") == "63C2"
    assert _on_disk(image) == card.chip.persistent_state()


def test_rewritten_at_opening_after_a_kill(image: Path) -> None:
    lines = image.read_bytes()
    line = json.dumps({"ssc/3F00/DDF1/EF80/010000/tries": 1}).encode() + b"\n"
    image.write_bytes(lines + line * 3000)
    card = _opened(image)
    assert image.stat().st_size < len(lines) * 2
    card.data(SSSE)
    assert card.sw("0020000003999999") == "63C0"
    assert _on_disk(image) == card.chip.persistent_state()


def test_the_file(tmp_path: Path) -> None:
    path = tmp_path / "card.img"
    profile = cards.with_dialect(name="3.00")
    cards.blank_card(profile, path=path).chip.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    header = json.loads(path.read_bytes().split(b"\n", 1)[0])
    assert header["test"] is True
    assert header["profile"] == "national/3.00"
    assert header["serial"] == SERIAL.hex().upper()
    assert header["dialect"]["name"] == "t514"
    assert header["mask"][0]["record"] == 7


def test_an_existing_file_is_not_overwritten(image: Path) -> None:
    before = image.read_bytes()
    with pytest.raises(InputError, match="exists"):
        cards.blank_card(path=image)
    assert image.read_bytes() == before


def test_production_profiles_make_no_cards(tmp_path: Path) -> None:
    profile = cards.with_dialect()
    assert profile.region is not None
    issuer = profile.region.issuer.model_copy(update={"environment": "production"})
    production: CardProfile = replace(
        profile, region=profile.region.model_copy(update={"issuer": issuer})
    )
    with pytest.raises(InputError, match="production"):
        blank(production, SERIAL, path=tmp_path / "card.img")
    assert list(tmp_path.iterdir()) == []


def test_a_serial_has_six_bytes() -> None:
    with pytest.raises(InputError, match="6 bytes"):
        blank(cards.with_dialect(), SERIAL + b"\x00")


class TestUnusable:
    @pytest.mark.parametrize(
        "content",
        [b"", b"\n", b"hello\n", b"{}\n", b"[]\n", b'"sscard virtual card"\n', b"\x00\xff\n{}\n"],
    )
    def test_no_image(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "card.img"
        path.write_bytes(content)
        with pytest.raises(InputError, match="not an image") as caught:
            open_image(path)
        assert caught.value.where == str(path)

    def test_another_version(self, image: Path) -> None:
        image.write_bytes(image.read_bytes().replace(b'"version":1,', b'"version":9,', 1))
        with pytest.raises(InputError, match="version"):
            open_image(image)

    @pytest.mark.parametrize("line", [b"{", b"[]", b"\xff", b'{"a":[]}', b'{"a":1.5}'])
    def test_a_damaged_line(self, image: Path, line: bytes) -> None:
        count = image.read_bytes().count(b"\n")
        with image.open("ab") as file:
            file.write(line + b"\n")
        with pytest.raises(InputError, match="damaged") as caught:
            open_image(image)
        assert caught.value.where == f"{image}:{count + 1}"

    @pytest.mark.parametrize(
        ("path", "state"),
        [
            ("ssc/3F00/DDF1/EF05/9", "0100"),
            ("ssc/3F00/DDF1/EF05/x", "0100"),
            ("ssc/3F00/DDF1/EF05/8", "XX"),
            ("ssc/3F00/DDF1/EF08/16", "00" * 256),
            ("ssc/3F00/DDF1/EF77", "00"),
            ("ssc/3F00/DDF1/begun", 1),
            ("ssc/3F00/DDF2/EF05", "0000000042EF05C6000500FF00000033"),
            ("ssc/3F01", "000000FF013F01010001230000800000315041592E"),
            ("ssc/3F00/DDF1/EF80/0D0401/used", 1),
            ("ssc/3F00/DDF1/EF80/0D0407", "0D0407"),
            ("ssc/3F00/DDF1/DF04/EF08/99", "00"),
            ("ssc/3F00/DDF1/DF04/EF81/1", "00"),
            ("chip/atr", "3B"),
        ],
    )
    def test_a_damaged_content(self, image: Path, path: str, state: object) -> None:
        with image.open("ab") as file:
            file.write(json.dumps({path: state}).encode() + b"\n")
        with pytest.raises(InputError, match="damaged"):
            open_image(image)

    def test_a_header_without_dialect(self, image: Path) -> None:
        image.write_bytes(image.read_bytes().replace(b'"dialect":', b'"dialekt":', 1))
        with pytest.raises(InputError, match="damaged"):
            open_image(image)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="No such file"):
            open_image(tmp_path / "card.img")
        with pytest.raises(InputError, match="No such file"):
            describe_image(tmp_path / "card.img")
        with pytest.raises(InputError, match="No such file"):
            cards.blank_card(path=tmp_path / "missing" / "card.img")

    def test_a_full_disk(self, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        card = _opened(image)
        card.data(SSSE)
        before = _on_disk(image)
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:5]))
        with pytest.raises(InputError, match="disk is full"):
            card.sw("0020000003999999")
        monkeypatch.undo()
        with pytest.raises(InputError, match="closed"):
            card.sw("0020000003999999")
        card.chip.close()
        assert _opened(image).chip.persistent_state() == before

    def test_a_write_error(self, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        card = _opened(image)
        card.data(SSSE)

        def refuse(file: int, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", refuse)
        with pytest.raises(InputError, match="No space left") as caught:
            card.sw("0020000003999999")
        assert caught.value.where == str(image)


def test_describe(image: Path, tmp_path: Path) -> None:
    card = _opened(image)
    card.data(SSSE)
    for _ in range(3):
        card.sw("0020000003999999")
    description = describe_image(image)
    assert description.state == "issued"
    assert description.factory_serial == "5119000013DF"
    assert description.atr == "3B6D0000008148424286535119000013DF"
    assert description.locked == ("3F00/DDF1/EF80/010000",)
    entries = {entry.path: (entry.kind, entry.records) for entry in description.files}
    assert entries["3F00"] == ("MF", 0)
    assert entries["3F00/EF1E"] == ("directory", 1)
    assert entries["3F00/DDF1"] == ("DDF", 0)
    assert entries["3F00/DDF1/EF80"] == ("internal", 14)
    assert entries["3F00/DDF1/EF06"] == ("variable", 3)
    assert entries["3F00/DDF1/DF04/EF08"] == ("cyclic", 2)
    assert next(iter(entries)) == "3F00"
    blank_path = tmp_path / "blank.img"
    other = cards.blank_card(path=blank_path)
    assert describe_image(blank_path).state == "blank"
    assert describe_image(blank_path).files == ()
    cards.initialise(other, since="2", until="5")
    assert describe_image(blank_path).state == "open"
