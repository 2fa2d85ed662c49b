"""Orders beside an image: seen by a card in use, spent, moved; damaged files."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulator import cards
from tests.simulator.fault_orders import faults

from sscard_ic.base import InputError
from sscard_ic.simulator import (
    CardLost,
    Fault,
    FaultFile,
    FaultFileError,
    VirtualCard,
    fault_file,
    move_image,
    open_card,
)

CHALLENGE = bytes.fromhex("0084000008")
REMOVED = Fault("removed")
STATUS = Fault("status", status=0x6F00)
OK = b"\x90\x00"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A blank in a file."""
    path = tmp_path / "card.img"
    cards.blank_card(path=path, presented=False).chip.close()
    return path


def orders_of(image: Path) -> list[Fault]:
    return list(FaultFile(image).read().values())


def exchange(card: VirtualCard) -> str:
    """The status word of a challenge, or the loss."""
    try:
        return card.transmit(CHALLENGE)[-2:].hex()
    except CardLost as lost:
        return lost.loss


class TestTheFile:
    def test_orders_are_kept_in_order(self, image: Path) -> None:
        file = FaultFile(image)
        assert file.read() == {}
        for fault in (REMOVED, STATUS, REMOVED):
            file.order(fault)
        assert orders_of(image) == [REMOVED, STATUS, REMOVED]
        assert file.path == image.with_name("card.img.faults")
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        file.clear()
        assert orders_of(image) == []
        assert sorted(image.parent.iterdir()) == [image]
        file.clear()

    @given(st.lists(faults(), max_size=5))
    def test_what_is_ordered_is_read(self, ordered: list[Fault]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            image = Path(folder) / "card.img"
            image.touch()
            for fault in ordered:
                FaultFile(image).order(fault)
            assert orders_of(image) == ordered

    def test_its_form(self, image: Path) -> None:
        FaultFile(image).order(STATUS)
        content = json.loads(FaultFile(image).path.read_bytes())
        (entry,) = content.pop("faults")
        assert content == {"format": "sscard card faults", "version": 1}
        assert entry.pop("id")
        assert entry == {"kind": "status", "after": 0, "times": 1, "status": "6F00"}

    def test_one_written_by_hand(self, image: Path) -> None:
        entries = [{"id": "a", "kind": "mute"}, {"id": "b", "kind": "slow", "milliseconds": 1}]
        content = {"format": "sscard card faults", "version": 1, "faults": entries}
        FaultFile(image).path.write_text(json.dumps(content))
        assert orders_of(image) == [Fault("mute"), Fault("slow", milliseconds=1)]

    def test_a_strike_brings_no_order_back(self, image: Path) -> None:
        """It was taken back between the look of the card and its strike."""
        file = FaultFile(image)
        file.order(STATUS)
        (id_,) = file.read()
        file.clear()
        for left in (None, STATUS):
            file.settle(id_, left)
            assert orders_of(image) == []

    def test_no_image(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such image"):
            FaultFile(tmp_path / "card.img").order(REMOVED)
        with pytest.raises(InputError, match="No such file"):
            FaultFile(tmp_path / "nowhere" / "card.img").order(REMOVED)
        assert list(tmp_path.iterdir()) == []

    def test_a_link_to_an_image_has_its_faults(self, image: Path, tmp_path: Path) -> None:
        link = tmp_path / "folder" / "link.img"
        link.parent.mkdir()
        link.symlink_to(image)
        FaultFile(link).order(REMOVED)
        assert orders_of(image) == [REMOVED]

    def test_a_folder_that_another_program_holds(
        self, image: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fault_file, "_PATIENCE", 0.02)
        holder = os.open(image.parent, os.O_RDONLY)
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(FaultFileError, match="cannot be used"):
            FaultFile(image).order(REMOVED)
        os.close(holder)
        FaultFile(image).order(REMOVED)
        assert orders_of(image) == [REMOVED]


DAMAGED = {
    b"": "no JSON",
    b"{": "no JSON",
    b"\xff": "no JSON",
    b"[" * 100_000: "no JSON",
    b"[]": "no format",
    b'{"format": "sscard virtual card"}': "no format",
    b'{"format": "sscard card faults", "version": 2}': "version is not 1",
    b'{"format": "sscard card faults", "version": true}': "version is not 1",
    b'{"format": "sscard card faults", "version": 1.0}': "version is not 1",
    b'{"format": "sscard card faults", "version": 1}': "faults is no list",
}
ENTRIES = {
    "1": "entry 1 has no id",
    '{"kind": "mute"}': "entry 1 has no id",
    '{"id": "a", "kind": "mute"}, {"id": "a", "kind": "mute"}': "entry 2 has no id of its own",
    '{"id": "a"}': "entry 1, kind: a fault without its kind",
    '{"id": "a", "kind": "burnt"}': "entry 1, burnt: there is no such fault; known are removed",
    '{"id": "a", "kind": "slow"}': "entry 1, milliseconds: the fault slow needs it",
    '{"id": "a", "kind": "mute", "times": -1}': "entry 1, times: a whole number is expected",
    '{"id": "a", "kind": "mute", "times": null}': "entry 1, times: a whole number is expected",
    '{"id": "a", "kind": "mute", "x": 1}': "entry 1, x: a fault has no such field",
}
for entries, reason in ENTRIES.items():
    whole = f'{{"format": "sscard card faults", "version": 1, "faults": [{entries}]}}'
    DAMAGED[whole.encode()] = reason


class TestDamaged:
    @pytest.mark.parametrize(("content", "reason"), DAMAGED.items(), ids=range(len(DAMAGED)))
    def test_says_which_file_and_why(self, image: Path, content: bytes, reason: str) -> None:
        file = FaultFile(image)
        file.path.write_bytes(content)
        with pytest.raises(FaultFileError, match="the file of faults is damaged") as caught:
            file.read()
        assert reason in caught.value.what.en
        assert caught.value.what.zh != caught.value.what.en
        assert caught.value.where == str(file.path)
        assert caught.value.hint is not None
        with pytest.raises(FaultFileError, match="damaged"):
            file.order(REMOVED)
        assert file.path.read_bytes() == content, "left for its author to mend"
        file.clear()
        assert orders_of(image) == []

    @given(st.binary(max_size=40))
    def test_any_bytes(self, content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = FaultFile(Path(folder) / "card.img")
            file.path.write_bytes(content)
            with pytest.raises(FaultFileError):
                file.read()

    def test_a_folder_in_its_place(self, image: Path) -> None:
        file = FaultFile(image)
        file.path.mkdir()
        for use in (file.read, file.clear):
            with pytest.raises(FaultFileError, match="cannot be used"):
                use()

    def test_a_running_card_says_so_until_it_is_mended(self, image: Path) -> None:
        card = open_card(image)
        card.power_on()
        file = FaultFile(image)
        file.path.write_bytes(b"{")
        for _ in range(2):
            with pytest.raises(FaultFileError, match="damaged"):
                card.transmit(CHALLENGE)
            with pytest.raises(FaultFileError, match="damaged"):
                card.power_on()
        file.clear()
        assert exchange(card) == "9000"
        card.close()


class TestInUse:
    def test_a_card_obeys_an_order_at_once(self, image: Path) -> None:
        card = open_card(image)
        card.power_on()
        assert exchange(card) == "9000"
        FaultFile(image).order(Fault("removed", after=2))
        assert [exchange(card) for _ in range(4)] == ["9000", "9000", "removed", "removed"]
        assert not FaultFile(image).path.exists(), "it is spent"
        card.power_on()
        FaultFile(image).order(STATUS)
        assert [exchange(card) for _ in range(2)] == ["6f00", "9000"]
        card.close()

    def test_a_reset_looks_as_well(self, image: Path) -> None:
        card = open_card(image)
        card.power_on()
        for reset in (card.power_on, lambda: card.reset(cold=False)):
            FaultFile(image).order(Fault("mute-reset"))
            with pytest.raises(CardLost):
                reset()
            card.power_on()
        card.close()

    def test_orders_that_are_taken_back_do_not_strike(self, image: Path) -> None:
        FaultFile(image).order(Fault("removed", after=1))
        card = open_card(image)
        card.power_on()
        assert exchange(card) == "9000"
        FaultFile(image).clear()
        assert [exchange(card) for _ in range(3)] == ["9000"] * 3
        card.close()

    def test_a_new_order_does_not_disturb_the_count_of_an_old_one(self, image: Path) -> None:
        FaultFile(image).order(Fault("removed", after=3))
        card = open_card(image)
        card.power_on()
        assert exchange(card) == "9000"
        FaultFile(image).order(STATUS)
        answers = [exchange(card) for _ in range(3)]
        assert answers == ["6f00", "9000", "removed"]
        assert orders_of(image) == []
        card.close()

    def test_an_order_that_is_changed_by_hand(self, image: Path) -> None:
        """Under its id: what the card knows of it is out of date."""
        file = FaultFile(image)
        file.order(Fault("status", after=1, status=0x6F00))
        card = open_card(image)
        card.power_on()
        assert exchange(card) == "9000"
        (id_,) = file.read()
        file.settle(id_, Fault("status", status=0x6F01))
        assert [exchange(card) for _ in range(2)] == ["6f01", "9000"]
        card.close()

    def test_a_strike_is_taken_off_the_order(self, image: Path) -> None:
        FaultFile(image).order(Fault("removed", after=1, times=3))
        seen = []
        for _ in range(5):
            card = open_card(image)
            card.power_on()
            seen.append([exchange(card), exchange(card)])
            card.close()
        assert seen[0] == ["9000", "removed"]
        assert seen[1:3] == [["removed", "removed"]] * 2, "what is left strikes at once"
        assert seen[3:] == [["9000", "9000"]] * 2

    def test_an_opened_card_counts_anew(self, image: Path) -> None:
        FaultFile(image).order(Fault("removed", after=3))
        for _ in range(2):
            card = open_card(image)
            card.power_on()
            assert [exchange(card) for _ in range(3)] == ["9000"] * 3
            card.close()
        assert orders_of(image) == [Fault("removed", after=3)]

    def test_what_strikes_always_stays(self, image: Path) -> None:
        slow = Fault("slow", milliseconds=0)
        FaultFile(image).order(slow)
        FaultFile(image).order(Fault("status", after=1, times=0, status=0x6F00))
        card = open_card(image)
        card.power_on()
        assert [exchange(card) for _ in range(3)] == ["9000", "6f00", "6f00"]
        card.close()
        assert orders_of(image) == [slow, Fault("status", times=0, status=0x6F00)]

    def test_a_torn_write(self, image: Path) -> None:
        FaultFile(image).order(Fault("torn-before", after=1))
        card = open_card(image)
        card.power_on()
        transport, create, second = (bytes.fromhex(step["apdu"]) for step in cards.STEPS[:3])
        assert card.transmit(transport) == OK
        assert card.transmit(create) == OK
        before = image.read_bytes()
        with pytest.raises(CardLost):
            card.transmit(second)
        assert image.read_bytes() == before
        assert orders_of(image) == []
        card.close()

    def test_another_program_orders(self, image: Path) -> None:
        """And leaves the image to the program that has it."""
        card = open_card(image)
        card.power_on()
        sscard = [sys.executable, "-c", "from sscard_ic.cli import main; main()"]
        order = ["sim", "fault", str(image), "removed", "--after", "1"]
        subprocess.run([*sscard, *order], capture_output=True, check=True)
        assert [exchange(card) for _ in range(2)] == ["9000", "removed"]
        card.close()

    def test_no_order_is_lost_while_others_are_spent(self, image: Path) -> None:
        """Two programs change the file all the time, and the card takes strikes off it."""
        writers, each = 3, 15

        def order() -> None:
            for _ in range(each):
                FaultFile(image).order(STATUS)

        card = open_card(image)
        card.power_on()
        threads = [threading.Thread(target=order) for _ in range(writers)]
        for thread in threads:
            thread.start()
        struck = 0
        while any(thread.is_alive() for thread in threads) or FaultFile(image).read():
            struck += exchange(card) == "6f00"
        for thread in threads:
            thread.join()
        assert struck == writers * each
        assert exchange(card) == "9000"
        card.close()


class TestMoved:
    def test_orders_go_with_their_card(self, image: Path, tmp_path: Path) -> None:
        FaultFile(image).order(STATUS)
        target = tmp_path / "good" / "other.img"
        target.parent.mkdir()
        move_image(image, target)
        assert not image.exists()
        assert not FaultFile(image).path.exists()
        assert orders_of(target) == [STATUS]
        card = open_card(target)
        card.power_on()
        assert exchange(card) == "6f00"
        card.close()
        assert sorted(target.parent.iterdir()) == [target]

    @pytest.mark.parametrize("held", ["source", "target"])
    def test_both_folders_are_locked(
        self, held: str, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fault_file, "_PATIENCE", 0.02)
        target = tmp_path / "good" / "card.img"
        target.parent.mkdir()
        holder = os.open((image if held == "source" else target).parent, os.O_RDONLY)
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(FaultFileError, match="cannot be used"):
            move_image(image, target)
        assert image.exists()
        os.close(holder)
        move_image(image, target)
        assert target.exists()

    def test_orders_for_an_older_card_of_that_name_are_dropped(
        self, image: Path, tmp_path: Path
    ) -> None:
        target = tmp_path / "other.img"
        target.touch()
        FaultFile(target).order(REMOVED)
        target.unlink()
        move_image(image, target)
        assert orders_of(target) == []
