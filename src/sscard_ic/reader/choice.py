"""Which PC/SC reader is meant: a pure function of words, readers and PSAM.

The rules, in this order (cases: ``tests/vectors/reader-choice.toml``):

1. the whole name, without regard to case; letter for letter where two differ by case alone;
2. ``psam``: the reader that is set as the PSAM's;
3. one or two digits without a leading zero, or 0: the number that ``sscard readers`` shows;
4. a part of the name, without regard to case, when exactly one reader has it;
5. no words at all: the only reader, else the only one with a card.

The PSAM's reader is chosen by rules 1 and 2 alone: a card command must not reach the PSAM because
the other reader was unplugged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sscard_ic.base.errors import Text
from sscard_ic.reader.errors import NoCard, NoReader, SeveralReaders

PSAM = "psam"
"""The word for the reader that ``SSCARD_PSAM`` names."""

PSAM_ENVIRONMENT = "SSCARD_PSAM"

_NUMBER = re.compile(r"0|[1-9][0-9]?", re.ASCII)


@dataclass(frozen=True, slots=True)
class SeenReader:
    """A reader as far as the choice looks at it."""

    name: str
    has_card: bool


def choose_reader(words: str | None, readers: Sequence[SeenReader], psam: str | None = None) -> str:
    """The full name of the reader that ``words`` mean.

    ``readers`` are in the order in which they are numbered; ``psam`` is the name, or a part of it,
    of the reader with the PSAM, where one is set. Raises :class:`NoReader`, :class:`NoCard` or
    :class:`SeveralReaders`, each with the readers that there are.
    """
    asked = (words or "").strip()
    if not readers:
        raise NoReader(
            Text("没有读写器", "there is no reader"),
            where=asked,
            hint=Text(
                "接好读写器后再试；运行 sscard doctor 查找原因",
                "plug one in and try again; sscard doctor looks for the cause",
            ),
        )
    shown = _Numbered(readers, psam_reader(psam, readers))
    if not asked:
        return shown.only()
    return (
        shown.by_name(asked)
        or (shown.of_psam(psam) if asked.casefold() == PSAM else None)
        or (shown.by_number(int(asked)) if _NUMBER.fullmatch(asked) else shown.by_part(asked))
    )


def choose_all(readers: Sequence[SeenReader], psam: str | None = None) -> tuple[str, ...]:
    """Every reader but the PSAM's; raises :class:`NoReader` when there is none."""
    chosen = psam_reader(psam, readers)
    names = tuple(reader.name for reader in readers if reader.name != chosen)
    return names or (choose_reader(None, readers, psam),)


def psam_reader(psam: str | None, readers: Sequence[SeenReader]) -> str | None:
    """The full name of the PSAM's reader; None when none is set or it is not there.

    Raises :class:`SeveralReaders` when the setting fits several readers: to guess would mean to
    send a card's commands to the PSAM, or the other way round.
    """
    asked = (psam or "").strip()
    if not asked:
        return None
    names = [reader.name for reader in readers]
    fitting = _called(asked, names) or [n for n in names if asked.casefold() in n.casefold()]
    if len(fitting) > 1:
        raise SeveralReaders(
            Text(
                f"{PSAM_ENVIRONMENT} 的设置与 {len(fitting)} 台读写器相符",
                f"the setting {PSAM_ENVIRONMENT} fits {len(fitting)} readers",
            ),
            where=asked,
            hint=_listed(
                Text("请写全名：", "give it a full name:"), _Numbered(readers, None).lines(fitting)
            ),
        )
    return fitting[0] if fitting else None


def _called(asked: str, names: Iterable[str]) -> list[str]:
    """Those called ``asked``: the one of the same letters, else all that differ by case alone."""
    same = [name for name in names if name.casefold() == asked.casefold()]
    return [asked] if asked in same else same


class _Numbered:
    """The readers with their numbers, and which of them is the PSAM's."""

    def __init__(self, readers: Sequence[SeenReader], psam: str | None) -> None:
        self._readers = readers
        self._psam = psam
        self._ordinary = [reader for reader in readers if reader.name != psam]

    def by_name(self, asked: str) -> str | None:
        called = _called(asked, (reader.name for reader in self._readers))
        return called[0] if len(called) == 1 else None

    def of_psam(self, setting: str | None) -> str:
        if self._psam is not None:
            return self._psam
        if not (setting or "").strip():
            raise NoReader(
                Text("没有指定 PSAM 读写器", "no reader is set as the PSAM's"),
                where=PSAM,
                hint=_listed(
                    Text(
                        f"把它的名称写入环境变量 {PSAM_ENVIRONMENT}；现有：",
                        f"put its name into the environment variable {PSAM_ENVIRONMENT}; "
                        "there are:",
                    ),
                    self.lines(),
                ),
            )
        raise NoReader(
            Text("PSAM 读写器不在", "the PSAM's reader is not there"),
            where=f"{PSAM} = {setting}",
            hint=_listed(
                Text(
                    f"接好它，或更正 {PSAM_ENVIRONMENT}；现有：",
                    f"plug it in, or correct {PSAM_ENVIRONMENT}; there are:",
                ),
                self.lines(),
            ),
        )

    def by_number(self, number: int) -> str:
        if not 0 < number <= len(self._readers):
            raise NoReader(
                Text(f"没有 {number} 号读写器", f"there is no reader number {number}"),
                where=str(number),
                hint=_listed(Text("现有：", "there are:"), self.lines()),
            )
        name = self._readers[number - 1].name
        if name == self._psam:
            raise self._is_psam(str(number))
        return name

    def by_part(self, asked: str) -> str:
        part = asked.casefold()
        fitting = [r.name for r in self._ordinary if part in r.name.casefold()]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise SeveralReaders(
                Text(f"与 {len(fitting)} 台读写器相符", f"fits {len(fitting)} readers"),
                where=asked,
                hint=_listed(
                    Text("请写编号或全名：", "give the number or the full name:"),
                    self.lines(fitting),
                ),
            )
        if self._psam is not None and part in self._psam.casefold():
            raise self._is_psam(asked)
        raise NoReader(
            Text("没有名称相符的读写器", "no reader has a name like this"),
            where=asked,
            hint=_listed(Text("现有：", "there are:"), self.lines()),
        )

    def only(self) -> str:
        """The one reader that needs no words."""
        if not self._ordinary:
            raise NoReader(
                Text("只有 PSAM 读写器，没有别的", "there is no reader but the PSAM's"),
                hint=_listed(
                    Text("接好读写器后再试；现有：", "plug one in and try again; there is:"),
                    self.lines(),
                ),
            )
        if len(self._ordinary) == 1:
            return self._ordinary[0].name
        with_card = [reader.name for reader in self._ordinary if reader.has_card]
        if len(with_card) == 1:
            return with_card[0]
        if with_card:
            raise SeveralReaders(
                Text(f"{len(with_card)} 台读写器中有卡", f"{len(with_card)} readers have a card"),
                hint=_listed(
                    Text(
                        "用 --reader 加编号或名称指定：", "choose with --reader, by number or name:"
                    ),
                    self.lines(with_card),
                ),
            )
        raise NoCard(
            Text(
                f"{len(self._ordinary)} 台读写器中都没有卡",
                f"none of the {len(self._ordinary)} readers has a card",
            ),
            hint=_listed(
                Text(
                    "插卡，或用 --reader 加编号或名称指定读写器：",
                    "insert a card, or choose a reader with --reader, by number or name:",
                ),
                self.lines(),
            ),
        )

    def lines(self, names: Iterable[str] | None = None) -> list[Text]:
        """``number  name  card or not``, of all readers or of those called ``names``."""
        wanted = None if names is None else set(names)
        return [
            self._line(number, reader)
            for number, reader in enumerate(self._readers, 1)
            if wanted is None or reader.name in wanted
        ]

    def _line(self, number: int, reader: SeenReader) -> Text:
        if reader.name == self._psam:
            state = Text("PSAM", "PSAM")
        elif reader.has_card:
            state = Text("有卡", "card")
        else:
            state = Text("空", "empty")
        return Text(
            f"{number}  {reader.name}  [{state.zh}]", f"{number}  {reader.name}  [{state.en}]"
        )

    def _is_psam(self, asked: str) -> NoReader:
        return NoReader(
            Text(f"这是 PSAM 读写器：{self._psam}", f"this is the PSAM's reader: {self._psam}"),
            where=asked,
            hint=Text(
                f"确要使用它时写 {PSAM}，或写全名",
                f"write {PSAM}, or its full name, where it is really meant",
            ),
        )


def _listed(head: Text, lines: Iterable[Text]) -> Text:
    """A heading with one line for each reader below it."""
    rows = list(lines)
    return Text(
        "\n    ".join([head.zh, *(row.zh for row in rows)]),
        "\n    ".join([head.en, *(row.en for row in rows)]),
    )
