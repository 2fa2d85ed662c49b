"""What has happened to the records of a vault, told by its authenticated table of contents."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sscard_ic.base.errors import Text
from sscard_ic.keys.vault_records import Entry, Record

_NAMED = 5
"""So many are told one by one."""


def found_damage(
    entries: Sequence[Entry],
    records: Sequence[Record | None],
    opens: Callable[[Record], bool],
) -> Text | None:
    """Which records are damaged, missing, or not where they belong; None when all is well.

    ``entries`` is the table of contents, whose proof is right; ``records`` are the lines of the
    file in their order, None for one that cannot be read. ``opens`` says whether a record was
    sealed in this vault at any time. The work grows with the number of lines only.
    """
    search = _Search(entries, opens)
    for place, record in enumerate(records):
        search.look(place, record)
    told = search.told()
    if not told:
        return None
    shown = told[:_NAMED]
    zh, en = "；".join(text.zh for text in shown), "; ".join(text.en for text in shown)
    rest = len(told) - len(shown)
    if rest:
        zh, en = f"{zh}；另有 {rest} 处", f"{en}; and {rest} more"
    return Text(zh, en)


class _Search:
    """Goes through the lines once and remembers what belongs where."""

    def __init__(self, entries: Sequence[Entry], opens: Callable[[Record], bool]) -> None:
        self._entries = entries
        self._opens = opens
        self._by_seal = {entry.sealed: number for number, entry in enumerate(entries)}
        self._by_label = {entry.label(): number for number, entry in enumerate(entries)}
        self._order: list[int] = []
        """Entries whose records were found whole, as they follow each other."""
        self._seen: set[int] = set()
        self._wrong: dict[int, Text] = {}
        self._strange: list[Text] = []
        self._unread: list[int] = []

    def look(self, place: int, record: Record | None) -> None:
        """Judge the line at ``place``, counted from 0."""
        if record is None:
            self._unread.append(place)
            return
        found = record.entry()
        sealed = self._by_seal.get(found.sealed)
        own = self._by_label.get(found.label())
        if sealed is not None and found == self._entries[sealed]:
            self._whole(sealed)
        elif sealed is not None and own is not None and own != sealed:
            self._wrong[own] = self._displaced(sealed, own)
        elif sealed is not None:
            self._wrong[sealed] = self._damaged(sealed)
        elif own is not None:
            self._wrong[own] = self._older(own) if self._opens(record) else self._damaged(own)
        else:
            words = record.identity.words()
            self._strange.append(
                Text(f"{words.zh}不属于当前内容", f"{words.en} does not belong to it")
            )

    def told(self) -> list[Text]:
        """Everything that is wrong, in the order of the table."""
        self._miss()
        for found, expected in zip(self._order, sorted(self._order), strict=True):
            # One that is there twice has moved the others: its name is enough.
            if found != expected and not self._strange:
                self._wrong.setdefault(expected, self._displaced(found, expected))
        if self._unread and not self._wrong:
            self._strange.append(Text("有多余的行", "there are lines too many"))
        return [self._wrong[number] for number in sorted(self._wrong)] + self._strange

    def _whole(self, number: int) -> None:
        if number in self._seen:
            words = self._entries[number].words()
            self._strange.append(Text(f"{words.zh}出现两次", f"{words.en} is there twice"))
            return
        self._seen.add(number)
        self._order.append(number)

    def _miss(self) -> None:
        unread = set(self._unread)
        for number in range(len(self._entries)):
            if number in self._seen or number in self._wrong:
                continue
            words = self._entries[number].words()
            self._wrong[number] = (
                self._damaged(number)
                if number in unread
                else Text(f"{words.zh}缺失", f"{words.en} is missing")
            )

    def _damaged(self, number: int) -> Text:
        words = self._entries[number].words()
        return Text(f"{words.zh}已损坏", f"{words.en} is damaged")

    def _older(self, number: int) -> Text:
        words = self._entries[number].words()
        return Text(
            f"{words.zh}来自此密钥库的另一份拷贝",
            f"{words.en} comes from another copy of this vault",
        )

    def _displaced(self, number: int, place: int) -> Text:
        words, expected = self._entries[number].words(), self._entries[place].words()
        return Text(
            f"“{words.zh}”位于“{expected.zh}”处", f"{words.en} is in the place of {expected.en}"
        )
