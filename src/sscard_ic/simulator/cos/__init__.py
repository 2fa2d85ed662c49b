"""Card operating systems: the commands that build a card, one interpreter per dialect."""

from __future__ import annotations

from collections.abc import Mapping

from sscard_ic.simulator.cos.hdos import Hdos
from sscard_ic.simulator.cos.interpreter import Interpreter
from sscard_ic.simulator.cos.mcos import Mcos
from sscard_ic.simulator.cos.register import RegisterCos, TimeCos
from sscard_ic.simulator.cos.t514 import T514

INTERPRETERS: Mapping[str, Interpreter] = {
    "hdos": Hdos(),
    "mcos": Mcos(),
    "t514": T514(),
    "fmcos": RegisterCos(),
    "timecos": TimeCos(),
}
"""The interpreters by the name of their dialect."""

__all__ = ["INTERPRETERS", "Interpreter"]
