"""Card images of a folder in one slot of a reader, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from sscard_ic.base import InputError, Text
from sscard_ic.simulator.card import VirtualCard
from sscard_ic.simulator.factory import open_card
from sscard_ic.simulator.fault_file import move_image
from sscard_ic.simulator.inspection import describe_image
from sscard_ic.simulator.memory import ImageInUse
from sscard_ic.simulator.vpcd import VpcdSlot

_DONE = "done"
_LOOK = 0.5
"""Seconds between two looks, into the folder or at the slot."""


class VpcdDeck:
    """Feeds the images of ``folder``, in the order of their names, to a slot.

    A card is finished when the reader took its power away after at least one command and left it
    so for ``rest`` seconds; its image then moves to the folder ``done`` below, and its fault file
    with it. A card that lost itself stays, and comes back first; one that stays out
    (``VpcdTimes.back`` is None) is passed over until the next run. So is a file that cannot be
    opened; one in use by another program is tried again. ``on_skip`` is told once of each.
    """

    def __init__(
        self,
        slot: VpcdSlot,
        folder: Path,
        *,
        rest: float = 0.3,
        open_card: Callable[[Path], VirtualCard] = open_card,
        on_skip: Callable[[InputError], None] | None = None,
    ) -> None:
        if not folder.is_dir():
            raise InputError(
                Text("没有这个卡片目录", "no such folder of card images"),
                where=str(folder),
                hint=Text(
                    "先用 sscard sim new 建立卡", "make cards first: sscard sim new --out DIR"
                ),
            )
        self._slot, self._folder, self._rest = slot, folder, rest
        self._open_card = open_card
        self._on_skip = on_skip
        self._stopped = threading.Event()
        self._passed: set[Path] = set()
        self._told: set[Path] = set()
        self._begun: set[Path] = set()

    def run(self, *, until_empty: bool = False) -> int:
        """Feed cards until :meth:`stop`, or until none is left; the number of finished ones.

        Raises as :meth:`VpcdSlot.insert` for the first card only: later on a reader that is away
        is waited for. Raises what broke the service of a card, and :class:`OSError` when a
        finished one cannot be moved.
        """
        finished, insist = 0, False
        while not self._stopped.is_set():
            taken = self._take()
            if taken is None:
                if until_empty:
                    break
                self._stopped.wait(_LOOK)
                continue
            image, card = taken
            try:
                done = self._offer(image, card, insist)
            finally:
                self._slot.close()
                card.close()
            insist = True
            if done and not self._to_be_continued(image):
                self._file(image)
                finished += 1
        return finished

    def stop(self) -> None:
        """Let :meth:`run` take the card out and return; may be called from another thread."""
        self._stopped.set()

    def _take(self) -> tuple[Path, VirtualCard] | None:
        images = self._folder.glob("*.img")
        for image in sorted(images, key=lambda image: (image not in self._begun, image)):
            if image in self._passed:
                continue
            try:
                return image, self._open_card(image)
            except InputError as error:
                if not isinstance(error, ImageInUse):
                    self._passed.add(image)
                if image not in self._told and self._on_skip is not None:
                    self._on_skip(error)
                self._told.add(image)
        return None

    def _offer(self, image: Path, card: VirtualCard, insist: bool) -> bool:
        """Whether the card was used and is finished."""
        slot = self._slot

        def finished() -> bool:
            resting = slot.resting
            return resting is not None and resting >= self._rest

        def given_up() -> bool:
            out = slot.state == "card lost" and slot.times.back is None
            return out or self._stopped.is_set()

        slot.insert(card, str(image), insist=insist)
        while not (done := finished()) and not given_up():
            slot.wait(lambda: finished() or given_up(), _LOOK)
        if slot.state == "card lost" and not done:
            self._passed.add(image)
        slot.remove()
        return done

    def _to_be_continued(self, image: Path) -> bool:
        if image in self._begun or describe_image(image).state != "open":
            return False
        self._begun.add(image)
        return True

    def _file(self, image: Path) -> None:
        done = self._folder / _DONE
        done.mkdir(exist_ok=True)
        target, number = done / image.name, 1
        while target.exists():
            number += 1
            target = done / f"{image.stem}-{number}{image.suffix}"
        move_image(image, target)
