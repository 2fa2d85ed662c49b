"""The commands that bring a value into its file, and who is told of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sscard_ic.apdu import Command, iso
from sscard_ic.base.errors import CardError, Text
from sscard_ic.profile import Located
from sscard_ic.profile.dialect import Settings

Progress = Callable[[str, int], None]
"""Told of an item's path and how many commands its value still takes: before the first of them,
and after each that the card has accepted."""


def nobody(path: str, left: int) -> None:
    """For whom it is enough that an update ends without an error."""


def writes(located: Located, value: bytes, settings: Settings, number: int) -> Sequence[Command]:
    """The commands that write one value into its selected file; a log gets a new record.

    ``number`` is that of the record on this card; 0 where only its tag finds it.
    """
    if located.file.structure == "transparent":
        block = settings.write_block
        return [
            iso.update_binary(offset, value[offset : offset + block])
            for offset in range(0, len(value), block)
        ]
    if located.file.structure == "cyclic":
        return [adds(value, settings)]
    record = located.record(value)
    if number:
        return [iso.update_record(number, record)]
    assert located.item.tag is not None, "only records with tags stand elsewhere"
    return [iso.update_record_by_tag(located.item.tag, record)]


def adds(record: bytes, settings: Settings) -> Command:
    """The command that makes ``record`` the newest of the selected log (ref 01 §11.2)."""
    return (
        iso.add_record(record) if settings.cyclic_update_appends else iso.append_record(record, 0)
    )


def pin_needed(located: Located) -> CardError:
    """That an item cannot be written before the PIN is verified."""
    rule = located.update
    return CardError(
        Text(
            f"写入 {located.path} 须先校验密码；需要：{rule}",
            f"to write {located.path} the PIN has to be verified; needed: {rule}",
        ),
        where=f"{located.path} {located.item.zh}",
        hint=Text("用 --pin 校验密码", "verify it with --pin"),
    )
