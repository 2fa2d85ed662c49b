"""The contents of a card of the bank from files: data groups in text form, and plans.

Text form (ref 04 §7.10): a line for each group, ``DGI0101=70…``. A line ``[pse]`` or ``[ppse]``
says that the groups below it are those of a directory, ``[payment]`` of the payment application,
which is where a file begins. Empty lines and what follows ``#`` say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.card.bank_plan import BankPlan
from sscard_ic.codec.pboc.groups import DataGroup
from sscard_ic.issuance.bank.contents import BankContents, contents_of_groups, contents_of_plan
from sscard_ic.issuance.bank.files import read_bank_file
from sscard_ic.issuance.bank.files.reading import recognise
from sscard_ic.profile.financial import FinancialApplication, Instance

_GROUP = re.compile(r"(?:DGI)?([0-9A-Fa-f]{4})\s*=\s*((?:[0-9A-Fa-f]{2}\s*)*)", re.ASCII)
_SECTION = re.compile(r"\[(payment|pse|ppse)\]")


class _Unopened:
    """Leaves the secrets of a plan as they are: no check looks at them."""

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """The sealed bytes themselves."""
        return sealed


def read_cards(
    path: Path, model: FinancialApplication, format: str | None = None
) -> list[BankContents]:
    """The contents of every card in a file: a plan, groups in text form, a bank's data file.

    ``format`` as in :func:`read_bank_file`; without it the form of the file decides. Raises
    :class:`InputError`.
    """
    if format is None:
        data = _bytes_of(path)
        if data.lstrip()[:1] == b"{" or recognise(data) == "lines":
            return [read_contents(path, model)]  # with faults, too, that forbid to make a card
    return [contents_of_plan(plan, model) for plan in read_bank_file(path, format).cards]


def read_contents(path: Path, model: FinancialApplication) -> BankContents:
    """The contents of a plan or a file of groups; raises :class:`InputError` for anything else.

    Words name lines, never a value: keys may stand in such files.
    """
    data = _bytes_of(path)
    if data.lstrip()[:1] == b"{":
        return contents_of_plan(_plan(data, path), model)
    return contents_of_groups(_groups(data, path), model)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failure:
        reason = os_reason(failure)
        raise InputError(
            Text(f"无法读取（{reason.zh}）", f"cannot be read ({reason.en})"),
            where=str(path),
            hint=Text("检查路径与权限", "check the path and its permissions"),
        ) from None


def _plan(data: bytes, path: Path) -> BankPlan:
    try:
        return BankPlan.from_json(data, _Unopened(), "")
    except InputError as failure:
        failure.where = str(path)
        raise


def _groups(data: bytes, path: Path) -> Iterator[tuple[Instance, DataGroup]]:
    instance: Instance = "payment"
    found = False
    for number, raw in enumerate(data.decode("utf-8-sig", "replace").splitlines(), 1):
        line = raw.partition("#")[0].strip()
        section, group = _SECTION.fullmatch(line), _GROUP.fullmatch(line)
        if section:
            instance = cast(Instance, section[1])
        elif group:
            found = True
            yield instance, DataGroup(int(group[1], 16), bytes.fromhex(group[2]))
        elif line:
            raise _wrong(f"{path}:{number}")
    if not found:
        raise _wrong(str(path))


def _wrong(where: str) -> InputError:
    return InputError(
        Text("不是数据分组", "this is no data group"),
        where=where,
        hint=Text(
            "每行一个分组：DGI0101=70…；目录的分组放在 [pse]、[ppse] 之下",
            "one group a line, DGI0101=70…; those of directories below [pse] and [ppse]",
        ),
    )
