"""The transcript of a transaction: what was done, step by step, and what came of it.

Source: ref 14 §5, §8, §9, §11.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from sscard_ic.base.errors import Text

StepName = Literal[
    "preprocessing",
    "selection",
    "options",
    "records",
    "offline_authentication",
    "restrictions",
    "cardholder",
    "terminal_risk",
    "terminal_action",
    "card_action",
    "online",
    "issuer_authentication",
    "script_before",
    "completion",
    "script_after",
    "result",
]
_TITLES: dict[StepName, Text] = dict(
    zip(
        get_args(StepName),
        (
            Text("交易预处理", "pre-processing of the transaction"),
            Text("应用选择", "application selection"),
            Text("应用初始化（取处理选项）", "initiation of the application (GPO)"),
            Text("读应用数据", "reading of the application's data"),
            Text("脱机数据认证", "offline data authentication"),
            Text("处理限制", "processing restrictions"),
            Text("持卡人验证", "cardholder verification"),
            Text("终端风险管理", "terminal risk management"),
            Text("终端行为分析", "terminal action analysis"),
            Text("卡片行为分析", "card action analysis"),
            Text("联机处理", "online processing"),
            Text("发卡行认证", "issuer authentication"),
            Text("发卡行脚本（71）", "issuer script (71)"),
            Text("交易结束（第二次密文）", "completion (second cryptogram)"),
            Text("发卡行脚本（72）", "issuer script (72)"),
            Text("交易结果", "result"),
        ),
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step; no detail names a person, nor the whole account number."""

    name: StepName
    title: Text
    details: tuple[Text, ...]


def _silent(step: Step) -> None:
    """Nobody listens."""


@dataclass
class Transcript:
    """The steps so far; ``tell`` hears of each as it ends."""

    tell: Callable[[Step], None] = _silent
    steps: list[Step] = field(default_factory=list)

    def add(self, name: StepName, *details: Text) -> None:
        """One step more."""
        step = Step(name, _TITLES[name], details)
        self.steps.append(step)
        self.tell(step)
