"""What the chip's mask says of the bank's part: in the header of an image."""

from __future__ import annotations

from typing import Any

from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.simulator.memory import Memory, damaged

HEADER = "financial"
"""Name of the description in the header of an image."""


def describe(model: FinancialApplication | None) -> dict[str, Any] | None:
    """The description of the bank's part; None on a chip without one.

    What is written on cards is not the chip's business.
    """
    return None if model is None else model.model_dump(mode="json", exclude={"plan"})


def model_of(memory: Memory) -> FinancialApplication | None:
    """What the header describes; None on a chip without a bank's part, as old images are.

    Raises :class:`InputError` when the description cannot be right.
    """
    description = memory.header.get(HEADER)
    if description is None:
        return None
    try:
        return FinancialApplication.model_validate(description)
    except ValueError as error:
        raise damaged(HEADER) from error
