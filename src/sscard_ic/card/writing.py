"""Writing items to an issued card, with an account of what reached it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sscard_ic.base.errors import CardError, SscardError, Text
from sscard_ic.card.channel import Refused
from sscard_ic.card.reading import Reading
from sscard_ic.card.social_security import SocialSecurityCard
from sscard_ic.profile import Located
from sscard_ic.reader.errors import ReaderError

_DONE_NOTHING = frozenset({0x63, 0x64, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x93})
"""First bytes of the statuses with which a card says that it has changed nothing."""

_AGAIN = Text(
    "排除原因后再次执行同一命令；已写入的项会显示为相同",
    "mend the cause and give the same command again; what is written shows as equal",
)
_LOG_FIRST = Text(
    "日志可能已有此记录：先用 sscard read 查看，再决定是否重写",
    "the log may hold the record already: look with sscard read before you write it again",
)


class PartlyWritten(CardError):
    """Writing ended early. ``written`` is on the card, ``left`` is not.

    ``doubtful`` was being written: the card may hold the old value, the new one or, in a file of
    plain bytes, a mixture of both; a log may have the record or not.
    """

    def __init__(
        self,
        cause: SscardError,
        written: Sequence[Located],
        doubtful: Located | None,
        left: Sequence[Located],
    ) -> None:
        self.written = _paths(written)
        self.doubtful = None if doubtful is None else doubtful.path
        self.left = _paths(left)
        account_zh = f"；已写入：{_list(self.written)}；未写入：{_list(self.left)}"
        account_en = f"; written: {_list(self.written)}; not written: {_list(self.left)}"
        if doubtful is not None:
            account_zh += f"；写入中断、内容不定：{doubtful.path}"
            account_en += f"; cut off, content unknown: {doubtful.path}"
        elif not left:
            account_zh += "；未读回核对"
            account_en += "; not read back"
        unknown_log = doubtful is not None and doubtful.file.structure == "cyclic"
        super().__init__(
            Text(cause.what.zh + account_zh, cause.what.en + account_en),
            where=cause.where,
            hint=_LOG_FIRST if unknown_log else cause.hint or _AGAIN,
        )


class NotOnCard(CardError):
    """The card lacks items; nothing was written."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(
            Text(
                f"此卡没有：{_list(paths)}；没有写入",
                f"this card does not have {_list(paths)}; nothing was written",
            ),
            hint=Text(
                "不是每个地区的卡都有全部文件；用 sscard read --all 查看",
                "not every region's cards have every file; sscard read --all shows them",
            ),
        )


class Changed(CardError):
    """The card holds something else than what was shown; nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            Text(
                "卡已换成另一张，或内容已改变；没有写入",
                "another card is inserted now, or its contents have changed; nothing was written",
            ),
            hint=Text("插入原来的卡，重新执行", "insert the first card and start again"),
        )


class OtherContents(CardError):
    """The card holds something else than was written; ``wrong`` are the paths."""

    def __init__(self, wrong: Sequence[str]) -> None:
        self.wrong = tuple(wrong)
        super().__init__(
            Text(
                f"读回的内容与写入的不同：{_list(wrong)}",
                f"what is read back differs from what was written: {_list(wrong)}",
            ),
            hint=Text("卡可能已损坏，请更换", "the card may be defective; replace it"),
        )


def _paths(places: Sequence[Located]) -> tuple[str, ...]:
    return tuple(place.path for place in places)


def _list(paths: Sequence[str]) -> str:
    return ", ".join(paths) or "-"


class _Account:
    """How far each item has come."""

    def __init__(self, places: Sequence[Located]) -> None:
        self._places = places
        self._commands: dict[str, int] = {}
        self._left: dict[str, int] = {}

    def note(self, path: str, left: int) -> None:
        """``left`` commands are still to be accepted."""
        self._commands.setdefault(path, left)
        self._left[path] = left

    def failed(self, cause: SscardError) -> SscardError:
        """The error with the account; ``cause`` itself when the card is as it was."""
        written = [place for place in self._places if self._left.get(place.path) == 0]
        at_work = [place for place in self._places if self._left.get(place.path)]
        doubtful = next((p for p in at_work if self._is_doubtful(p.path, cause)), None)
        if not written and doubtful is None:
            return cause
        left = [place for place in self._places if place not in written and place is not doubtful]
        return PartlyWritten(cause, written, doubtful, left)

    def _is_doubtful(self, path: str, cause: SscardError) -> bool:
        """Whether the item that was being written may have changed."""
        if self._left[path] < self._commands[path]:
            return True
        refused = isinstance(cause, Refused) and cause.sw >> 8 in _DONE_NOTHING
        return not refused and isinstance(cause, (CardError, ReaderError))


def write_items(
    card: SocialSecurityCard,
    values: Mapping[str, bytes],
    present: Mapping[str, bytes] | None = None,
) -> Sequence[str]:
    """Write raw values by item path and read them back; the paths that cannot be read back.

    The items are read first, where the card keeps its records is learned from that, and what the
    rules ask for is proved before anything is written. ``present`` are values that the card must
    still hold. Raises :class:`NotOnCard`, :class:`Changed` and what proofs raise while the card
    is as it was, :class:`PartlyWritten` when something stopped it after the card may have
    changed, and :class:`OtherContents` when the card holds something else afterwards.
    """
    places = [place for place in card.profile.places if place.path in values]
    known = present or {}
    before = card.read([p for p in card.profile.places if p.path in values or p.path in known])
    if any(before.values.get(path) != raw for path, raw in known.items()):
        raise Changed
    plain = [place for place in places if place.file.structure != "cyclic"]
    if absent := [place.path for place in plain if _is_absent(place, before)]:
        raise NotOnCard(absent)  # of an empty log nothing is there to be read
    card.open_for_update(places)
    account = _Account(places)
    try:
        card.update(values, account.note)
        reading = card.read(places)
    except SscardError as error:
        failed = account.failed(error)
        if failed is error:
            raise
        raise failed from error
    wrong = [path for path, raw in values.items() if reading.values.get(path, raw) != raw]
    if wrong:
        raise OtherContents(wrong)
    if gone := [place.path for place in places if _is_absent(place, reading)]:
        raise account.failed(_gone(gone))
    return tuple(reading.closed)


def _gone(paths: Sequence[str]) -> CardError:
    return CardError(
        Text(f"读回时找不到：{_list(paths)}", f"not found when read back: {_list(paths)}"),
        hint=Text("重新放入卡，用 sscard read 查看", "insert the card again and see sscard read"),
    )


def _is_absent(place: Located, reading: Reading) -> bool:
    """Whether the card does not give an item out, though it is open."""
    return place.path not in reading.values and place.path not in reading.closed
