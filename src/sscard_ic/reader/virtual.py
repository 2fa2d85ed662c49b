"""Virtual cards as connections and slots: the one door from this side to the simulator."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from sscard_ic.base.errors import CardError, InputError, Text
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.profile import CardProfile
from sscard_ic.profile.psam import PsamProfile
from sscard_ic.reader.connection import Connection, TransmissionProtocol, always
from sscard_ic.reader.errors import CardRemoved, MuteCard, ReaderBusy, ReaderError
from sscard_ic.simulator import (
    CardLost,
    FaultFileError,
    ImageInUse,
    Interface,
    Loss,
    VirtualCard,
    blank,
    blank_psam,
    move_image,
    open_card,
)

SERIAL_LENGTH = 6


class VirtualConnection:
    """A card in this process; powered while the connection is open.

    ``name`` says in errors which card it is. Raises :class:`MuteCard` when there is no ATR.
    """

    def __init__(self, card: VirtualCard, name: str = "") -> None:
        self._card = card
        self._name = name
        try:
            self._atr = card.power_on()
        except CardLost as lost:
            raise self._lost(lost) from lost

    @property
    def atr(self) -> bytes:
        """Answer to the last reset."""
        return self._atr

    @property
    def protocol(self) -> TransmissionProtocol:
        """Transmission protocol of the card."""
        return self._card.protocol

    def transmit(self, command: Secretive) -> bytes:
        """One exchange."""
        try:
            return self._card.transmit(command.reveal() if isinstance(command, Secret) else command)
        except CardLost as lost:
            raise self._lost(lost) from lost

    def reset(self, cold: bool) -> bytes:
        """Reset the card; the new ATR."""
        try:
            self._atr = self._card.reset(cold)
        except CardLost as lost:
            raise self._lost(lost) from lost
        return self._atr

    def close(self) -> None:
        """Power the card down and close its image."""
        self._card.close()

    def _lost(self, lost: CardLost) -> ReaderError:
        cause, what, hint = _LOSSES[lost.loss]
        return cause(what, where=self._name, hint=hint)


_LOSSES: dict[Loss, tuple[type[ReaderError], Text, Text]] = {
    "removed": (
        CardRemoved,
        Text("卡在使用中被取出", "the card was taken out while it was in use"),
        Text("重新插入卡，再做一次", "insert it again and repeat"),
    ),
    "torn": (
        CardRemoved,
        Text("卡在执行命令时断电", "the card lost its power in the middle of a command"),
        Text(
            "重新插入卡，再做一次；那条命令可能已生效，也可能没有",
            "insert it again and repeat; that command may have taken effect or not",
        ),
    ),
    "mute": (
        MuteCard,
        Text("卡没有应答", "the card does not answer"),
        Text(
            "取出卡，重新插入；仍无应答则是坏卡",
            "take it out and insert it again; a card that stays mute is defective",
        ),
    ),
}


def open_virtual(path: Path, *, interface: Interface = "contact") -> VirtualConnection:
    """The card in the image ``path``, with the faults on order for it, by one of its faces."""
    card = open_card(path, interface=interface)
    try:
        return VirtualConnection(card, str(path))
    except BaseException:
        card.close()
        raise


def new_blank(profile: CardProfile, directory: Path) -> Path:
    """A new blank with a fresh chip serial, as an image in ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    serial = secrets.token_bytes(SERIAL_LENGTH)
    path = directory / f"{serial.hex().upper()}.img"
    blank(profile, serial, path=path).close()
    return path


def new_psam(profile: PsamProfile, directory: Path, name: str) -> Path:
    """A new blank PSAM with a fresh chip serial, as the image ``name`` in ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    blank_psam(profile, secrets.token_bytes(SERIAL_LENGTH), path=path).close()
    return path


class VirtualDeck:
    """Card images of a folder, one after the other.

    Cards are taken from ``hopper`` in the order of their names; released ones move to ``good`` or
    ``rejected``. Where ``make_blank`` is given, an empty hopper is filled with one new blank. A
    card in work when the program dies stays in the hopper.
    """

    def __init__(
        self,
        hopper: Path,
        good: Path,
        rejected: Path,
        make_blank: Callable[[Path], Path] | None = None,
    ) -> None:
        self._hopper, self._good, self._rejected = hopper, good, rejected
        self._make_blank = make_blank
        self._current: Path | None = None
        self._connection: VirtualConnection | None = None
        self._left: set[Path] = set()

    @property
    def name(self) -> str:
        """``virtual:`` and the folder."""
        return f"virtual:{self._hopper.name}"

    @property
    def current(self) -> Path | None:
        """The image that was taken from the hopper and not yet released."""
        return self._current

    def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
        """Take the next image; False when there is none and nothing makes one."""
        images = sorted(self._hopper.glob("*.img")) if self._hopper.is_dir() else []
        waiting = [image for image in images if image not in self._left]
        if waiting:
            self._current = waiting[0]
        elif self._make_blank is not None and blank_wanted and not self._left:
            self._current = self._make_blank(self._hopper)
        else:
            self._current = None
        return self._current is not None

    def connect(self) -> Connection:
        """Power the card that is there."""
        if self._current is None:
            raise ReaderError(
                Text("卡槽中没有卡", "no card in the slot"),
                where=self.name,
                hint=Text("先调用 wait_card", "wait for a card first"),
            )
        try:
            self._connection = open_virtual(self._current)
        except ImageInUse as error:
            # Another program's card of the moment: it is left, like one in another reader.
            raise ReaderBusy(error.what, where=error.where, hint=error.hint) from error
        except FaultFileError:
            raise
        except InputError as error:
            if not self._current.exists():
                raise CardRemoved(error.what, where=error.where, hint=error.hint) from error
            # What is no card belongs to the rejected ones, like any other foreign object.
            raise CardError(error.what, where=error.where, hint=error.hint) from error
        return self._connection

    def close(self) -> None:
        """Close the image of a card that is still connected."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def release(self, good: bool | None) -> None:
        """Move the card to the good or to the rejected ones, or (None) leave it in the hopper."""
        self.close()
        if self._current is not None and good is None:
            self._left.add(self._current)
        elif self._current is not None:
            target = self._good if good else self._rejected
            target.mkdir(parents=True, exist_ok=True)
            move_image(self._current, _free_name(target, self._current))
        self._current = None


def _free_name(folder: Path, image: Path) -> Path:
    """A name for ``image`` in ``folder`` that no other card has there."""
    target, number = folder / image.name, 1
    while target.exists():
        number += 1
        target = folder / f"{image.stem}-{number}{image.suffix}"
    return target


def deck_of(directory: Path, make_blank: Callable[[Path], Path] | None = None) -> VirtualDeck:
    """The deck of a folder: its images, with ``good`` and ``rejected`` below it."""
    if make_blank is None and not directory.is_dir():
        raise InputError(
            Text("没有这个卡片目录", "no such folder of card images"),
            where=str(directory),
            hint=Text(
                "先用 sscard sim new 建立空白卡", "make blanks first: sscard sim new --out DIR"
            ),
        )
    return VirtualDeck(directory, directory / "good", directory / "rejected", make_blank)
