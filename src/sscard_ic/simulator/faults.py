"""Faults on order: what shall go wrong with a virtual card, when, and how often."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from sscard_ic.base import InputError, Text

FaultKind = Literal[
    "removed",
    "slow",
    "mute",
    "mute-reset",
    "torn-before",
    "torn-after",
    "status",
    "bit-error",
    "reset",
]

FAULT_KINDS: Final[dict[FaultKind, Text]] = {
    "removed": Text("卡被取出", "the card is taken out"),
    "slow": Text("应答变慢", "the answer comes late"),
    "mute": Text("对命令不应答", "no answer to a command"),
    "mute-reset": Text("对复位不应答", "no answer to a reset"),
    "torn-before": Text("写入之前断电", "the power fails before a write"),
    "torn-after": Text("写入之后断电，没有应答", "the power fails after a write, no answer"),
    "status": Text(
        "不执行命令，只应答状态字", "the command is not executed, the answer is a status word"
    ),
    "bit-error": Text("应答中错一位", "one bit of the answer is wrong"),
    "reset": Text("命令之前被别的程序复位", "reset before a command, as by another program"),
}
"""Every kind, and what happens then."""

TORN: Final = frozenset(("torn-before", "torn-after"))
"""The kinds that strike writes."""

LONGEST_DELAY: Final = 60_000
"""Milliseconds."""


class _Usual(int):
    """A number that nobody can write."""


_USUAL: Final = _Usual()
_OWN_VALUES: Final = {"slow": "milliseconds", "status": "status", "bit-error": "bit"}
_REQUIRED: Final = frozenset(("milliseconds", "status"))
_MAXIMUM: Final = {"milliseconds": LONGEST_DELAY, "status": 0xFFFF}
_STATUS_WORD = re.compile("[0-9A-Fa-f]{4}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault on order; raises :class:`InputError` for values that make none.

    What is counted are the exchanges that the card answers; for ``torn-…`` the writes among them,
    which are the commands that change the persistent memory, and for ``mute-reset`` the resets.
    After the first ``after`` of them the next ``times`` are struck.
    """

    kind: FaultKind
    after: int = 0
    """Exchanges, writes or resets that go well first."""
    times: int = _USUAL
    """How often it strikes, 0 for always; left out: always for ``slow``, once for the others."""
    milliseconds: int | None = None
    """Delay of a ``slow`` answer, up to 60 000."""
    status: int | None = None
    """The two bytes that are the answer of ``status``."""
    bit: int | None = None
    """The bit of ``bit-error``, 0 is the highest of the first byte; None: any.

    Answers that end before it pass, and do not count as struck.
    """

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            known = ", ".join(FAULT_KINDS)
            raise InputError(
                Text("没有这种故障", "there is no such fault"),
                where=self.kind,
                hint=Text(f"可用：{known}", f"known are {known}"),
            )
        if self.times is _USUAL:
            object.__setattr__(self, "times", 0 if self.kind == "slow" else 1)
        _check_number("after", self.after)
        _check_number("times", self.times)
        for kind, name in _OWN_VALUES.items():
            self._check_own_value(kind, name)

    def _check_own_value(self, kind: str, name: str) -> None:
        value = getattr(self, name)
        if value is not None and self.kind != kind:
            raise InputError(
                Text(f"只有故障 {kind} 用它", f"only the fault {kind} takes it"), where=name
            )
        if value is not None:
            _check_number(name, value, _MAXIMUM.get(name))
        elif self.kind == kind and name in _REQUIRED:
            raise InputError(
                Text(f"故障 {kind} 须给出它", f"the fault {kind} needs it"), where=name
            )

    def struck(self) -> Fault | None:
        """What is left of the order after a strike; None when it was the last one."""
        if self.times == 1:
            return None
        return replace(self, after=0, times=max(0, self.times - 1))

    def to_json(self) -> dict[str, Any]:
        """The fields that have a value; the status word as 4 hex digits."""
        value = {name: field for name, field in asdict(self).items() if field is not None}
        if self.status is not None:
            value["status"] = f"{self.status:04X}"
        return value

    @classmethod
    def from_json(cls, value: object) -> Fault:
        """The reverse of :meth:`to_json`; raises :class:`InputError` for anything else."""
        if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
            raise InputError(Text("故障没有种类", "a fault without its kind"), where="kind")
        for name in value.keys() - cls.__dataclass_fields__.keys():
            raise InputError(Text("故障没有这一项", "a fault has no such field"), where=str(name))
        fields = dict(value)
        if "status" in fields:
            fields["status"] = status_word(fields["status"])
        return cls(**fields)


def status_word(digits: object) -> int:
    """The status word in 4 hex digits; raises :class:`InputError`."""
    if isinstance(digits, str) and _STATUS_WORD.fullmatch(digits):
        return int(digits, 16)
    raise InputError(
        Text("状态字应为 4 位十六进制数", "a status word has 4 hex digits"),
        where="status",
        hint=Text("例：6982", "for example 6982"),
    )


def _check_number(name: str, value: object, maximum: int | None = None) -> None:
    """Refuse what is no whole number from 0 to ``maximum``."""
    if type(value) is int and value >= 0 and (maximum is None or value <= maximum):
        return
    what = Text("应为不小于 0 的整数", "a whole number is expected, 0 or more")
    if maximum is not None:
        what = Text(
            f"应为 0 到 {maximum} 的整数", f"a whole number from 0 to {maximum} is expected"
        )
    raise InputError(what, where=name)
