"""The kinds of profile files and the keys at the top of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import Field

from sscard_ic.base.errors import Text
from sscard_ic.base.positions import Node
from sscard_ic.base.problems import Problem
from sscard_ic.profile.authority_keys import AuthorityTable
from sscard_ic.profile.bank_data import BankData
from sscard_ic.profile.codes import CodeFile
from sscard_ic.profile.dialect import Dialect
from sscard_ic.profile.fields import Strict, Title
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.profile.imports import ImportFormat
from sscard_ic.profile.problems import ProfileError
from sscard_ic.profile.psam import PsamModel
from sscard_ic.profile.region import Region
from sscard_ic.profile.structure import Structure

Kind = Literal[
    "national",
    "cos",
    "codes",
    "region",
    "import",
    "psam",
    "financial",
    "authorities",
    "bank_data",
]


class Head(Title):
    """The keys at the top of every profile file."""

    kind: Kind
    extends: str | None = None


class CardHead(Head):
    """The same for a file that describes a card."""

    cos: str
    codes: str
    financial: str | None = None
    """The profile of the bank's application."""
    rules: dict[str, str] = Field(default={})
    """Named settings: a rule written ``@name`` is the rule of that name."""
    tables: dict[str, Any] = Field(default={})
    """Changes to the code tables."""


class PsamHead(Head):
    """The same for a file that describes a PSAM."""

    card: str
    """The profile of the cards it is for."""


PARTS: Mapping[str, tuple[type[Strict], ...]] = {
    "national": (CardHead, Structure),
    "region": (CardHead, Structure, Region),
    "cos": (Head, Dialect),
    "codes": (Head, CodeFile),
    "import": (Head, ImportFormat),
    "psam": (PsamHead, PsamModel),
    "financial": (Head, FinancialApplication),
    "authorities": (Head, AuthorityTable),
    "bank_data": (Head, BankData),
}
"""The models that the keys of a file belong to, by its kind."""


_KIND_WANTED = Text(f"应为下列之一：{', '.join(PARTS)}", f"must be one of {', '.join(PARTS)}")


def kind_at(root: Node) -> Kind:
    """The kind of a file; raises :class:`ProfileError` when it says none."""
    node = root.get("kind")
    if node is None or not isinstance(node.value, str) or node.value not in PARTS:
        raise ProfileError([Problem((node or root).place, "kind", _KIND_WANTED)])
    return cast(Kind, node.value)
