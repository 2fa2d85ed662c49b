"""What is written down about a deed with keys: who, what, when, where; no bit of any key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sscard_ic.base.authority import NOBODY
from sscard_ic.base.errors import Text
from sscard_ic.keys.inventory import Environment, KeyInfo

StepKind = Literal["begun", "consent", "component", "shown", "old_key", "done"]

_ACTIONS = {
    "vault.create": Text("建立密钥库", "vault created"),
    "vault.passphrase": Text("更换密钥库口令", "passphrase of the vault changed"),
    "key.generate": Text("生成密钥", "key generated"),
    "key.combine": Text("分量合成密钥", "key combined from components"),
    "key.component": Text("生成密钥分量", "component of a key made"),
    "key.export": Text("导出密钥块", "key block exported"),
    "key.import": Text("导入密钥块", "key block imported"),
    "key.rotate": Text("更换密钥版本", "key rotated"),
    "key.validity": Text("更改有效期", "validity changed"),
    "key.destroy": Text("销毁密钥", "key destroyed"),
}
_STEPS: dict[StepKind, Text] = {
    "begun": Text("开始", "begun"),
    "consent": Text("已授权", "authorised"),
    "component": Text("分量已接受", "component accepted"),
    "shown": Text("分量已显示", "component shown"),
    "old_key": Text("旧版本最后使用日已定", "last day of the old version set"),
    "done": Text("完成", "done"),
}
_LINE = "_" * 28


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of a deed."""

    at: datetime
    kind: StepKind
    person: str = ""
    carrier: str = ""
    """Number of the envelope or smart card that a component came in."""
    check_value: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The record of one deed, to be printed and signed."""

    action: str
    """Word of the audit log."""
    subject: str
    environment: Environment
    place: str
    """The vault or token."""
    actors: tuple[str, ...]
    """Everybody who took part, once each; ``-`` alone: test keys, nobody signed in."""
    keys: tuple[KeyInfo, ...]
    """The key as it is now; of a rotation the new version, then the old one."""
    steps: tuple[Step, ...]
    machine: str
    program: str
    audit: str
    """Number and hash of the last entry of the audit log, which covers this deed; empty where the
    log could not be written."""
    file: str = ""
    """Name of the key block's file."""

    def to_json(self) -> dict[str, Any]:
        """The same as values for ``json.dumps``; times in UTC."""
        return {
            "action": self.action,
            "subject": self.subject,
            "environment": self.environment,
            "place": self.place,
            "actors": list(self.actors),
            "keys": [_key_json(key) for key in self.keys],
            "steps": [
                {
                    "at": step.at.isoformat(timespec="seconds"),
                    "step": step.kind,
                    "person": step.person or None,
                    "carrier": step.carrier or None,
                    "check_value": step.check_value or None,
                }
                for step in self.steps
            ],
            "file": self.file or None,
            "machine": self.machine,
            "program": self.program,
            "audit": self.audit or None,
        }

    def to_text(self) -> str:
        """A page in Chinese and English side by side, with a line for each signature."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield "密钥操作记录  Record of a deed with keys"
        yield ""
        yield _line("操作 deed", f"{_both(_ACTIONS[self.action])} ({self.action})")
        yield _line("环境 environment", self.environment)
        yield _line("位置 place", self.place)
        yield _line("对象 subject", self.subject)
        for key in self.keys:
            yield ""
            yield from _key_lines(key)
        if self.file:
            yield ""
            yield _line("文件 file", self.file)
        yield ""
        yield "步骤 steps"
        for number, step in enumerate(self.steps, 1):
            yield f"  {number:2d}  {_local(step.at)}  {_step_words(step)}"
        yield ""
        yield _line("机器 machine", self.machine)
        yield _line("程序 program", self.program)
        yield _line("审计日志 audit log", self.audit or "未写入 not written")
        yield ""
        yield "签名 signatures"
        for actor in self.actors:
            name = "" if actor == NOBODY else actor
            yield f"  {name:<20} {_LINE}  日期 date {_LINE[:14]}"


def _both(text: Text) -> str:
    return f"{text.zh} {text.en}"


def _line(label: str, value: str) -> str:
    return f"{label}: {value}"


def _local(moment: datetime) -> str:
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")


def _day(day: date | None) -> str:
    return "-" if day is None else day.isoformat()


def _key_lines(key: KeyInfo) -> Iterator[str]:
    yield _line("密钥 key", f"{key.name}  版本 version {key.version:02d}")
    yield _line("算法 algorithm", f"{key.algorithm.upper()} ({8 * key.length} bit)")
    yield _line("级别 level", f"{key.level} ({key.owner})")
    yield _line("用途 use", key.use)
    yield _line("有效期 valid", f"{_day(key.valid_from)} … {_day(key.valid_until)}")
    yield _line("来源 origin", key.origin)
    yield _line("状态 state", key.state)
    yield _line("校验值 check value", key.check_value)


def _step_words(step: Step) -> str:
    words = [_both(_STEPS[step.kind])]
    if step.person:
        words.append(f"人员 person: {step.person}")
    if step.carrier:
        words.append(f"载体 carrier: {step.carrier}")
    if step.check_value:
        words.append(f"校验值 check value: {step.check_value}")
    return "  ".join(words)


def _key_json(key: KeyInfo) -> dict[str, Any]:
    return {
        "name": key.name,
        "version": key.version,
        "algorithm": key.algorithm,
        "length": key.length,
        "level": key.level,
        "use": key.use,
        "valid_from": None if key.valid_from is None else key.valid_from.isoformat(),
        "valid_until": None if key.valid_until is None else key.valid_until.isoformat(),
        "origin": key.origin,
        "state": key.state,
        "check_value": key.check_value,
    }
