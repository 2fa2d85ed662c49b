"""From the groups of a file to the plan of a card, by the rules of the bank (ref 04 §7.5, §7.6)."""

from __future__ import annotations

from collections.abc import Sequence

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.card.bank_plan import BankPlan, InstancePlan, PlannedGroup, Transported
from sscard_ic.crypto.suites import SUITES
from sscard_ic.issuance.bank.files.account import Account, directory_aids, read_account
from sscard_ic.issuance.bank.files.raw import Flaw, Place, RawApplication, RawGroup
from sscard_ic.profile.bank_data import BankData
from sscard_ic.profile.financial import Instance

PSE, PPSE = b"1PAY.SYS.DDF01", b"2PAY.SYS.DDF01"
_DIRECTORIES: dict[bytes, Instance] = {PSE: "pse", PPSE: "ppse"}
_ORDER: tuple[Instance, ...] = ("payment", "pse", "ppse")
_FEWEST, _MOST = 5, 16
_SECRETS = 8
"""First digit of the numbers of groups with keys and PIN (ref 04 §7.5)."""


class Assembly:
    """Makes the plan of one card; ``flaws`` are all that stands against it."""

    def __init__(self, rules: BankData, start: Place) -> None:
        self._rules = rules
        self._start = start
        self.flaws: list[Flaw] = []

    def plan(self, applications: Sequence[RawApplication]) -> BankPlan | None:
        """The plan; None where anything is wrong."""
        by_name: dict[Instance, RawApplication] = {}
        for each in applications:
            name = each.instance or _DIRECTORIES.get(each.aid or b"", "payment")
            if name in by_name:
                self._add(each.place, f"有两个 {name} 应用", f"there are two applications {name}")
            by_name[name] = each
        if "payment" not in by_name:
            self._add(self._start, "没有支付应用", "the payment application is missing")
            return None
        payment = by_name["payment"]
        aid = self._payment_aid(payment, by_name)
        account = self._account(payment)
        plans = []
        for name in _ORDER:
            if name in by_name:
                own = aid if name == "payment" else _aid_of(name)
                plans.append(InstancePlan(name, own, self._groups(name, by_name[name])))
        if self.flaws or account is None:
            return None
        return BankPlan(account.pan, account.sequence, tuple(plans))

    def _payment_aid(
        self, payment: RawApplication, by_name: dict[Instance, RawApplication]
    ) -> bytes:
        """Where the file says none for the application itself, that of a directory."""
        found = self._directory_aids(by_name)
        if payment.aid is not None:
            if not _FEWEST <= len(payment.aid) <= _MOST:
                self._add(payment.place, "AID 长度不是 5 至 16", "an AID has 5 to 16 bytes")
            return payment.aid
        if not found or self._rules.aid in found:
            return self._rules.aid
        if len(found) > 1:
            self._add(
                payment.place,
                "目录指向不止一个应用，须在格式配置的 aid 中指明",
                "the directories name more than one application; say which in `aid` of the format",
            )
        return found.pop()

    def _directory_aids(self, by_name: dict[Instance, RawApplication]) -> set[bytes]:
        """Of the entries of PSE and PPSE."""
        found: set[bytes] = set()
        for name in ("pse", "ppse"):
            for group in by_name[name].groups if name in by_name else ():
                try:
                    found.update(directory_aids(group))
                except Flaw as flaw:
                    self.flaws.append(flaw)
        return found

    def _account(self, payment: RawApplication) -> Account | None:
        kept = [group for group in payment.groups if not self._dropped(group)]
        try:
            return read_account(kept, payment.place)
        except Flaw as flaw:
            self.flaws.append(flaw)
            return None

    def _groups(self, name: Instance, application: RawApplication) -> tuple[PlannedGroup, ...]:
        planned: dict[int, PlannedGroup] = {}
        for group in application.groups:
            if self._dropped(group):
                continue
            number = self._rules.number_on_card(group.number) if name == "payment" else group.number
            if number in planned:
                self._add(
                    group.place,
                    f"{name} 的分组 {number:04X} 重复",
                    f"the group {number:04X} of {name} stands twice",
                )
            planned[number] = self._planned(number, group, secret=name == "payment")
        if not planned:
            self._add(application.place, f"{name} 没有分组", f"{name} has no groups")
            return ()
        ordered = self._ordered(planned)
        if ordered[-1].value is None:
            self._add(
                application.place,
                f"{name} 以密文分组 {ordered[-1].number:04X} 结尾；"
                "可在格式配置的 last 中列出明文分组",
                f"{name} ends with the enciphered group {ordered[-1].number:04X}; name a plain one "
                "in `last` of the format",
            )
        return ordered

    def _planned(self, number: int, group: RawGroup, *, secret: bool) -> PlannedGroup:
        rule = self._rules.secret_of(number) if secret else None
        told = group.enciphered
        if told is not None and told != (rule is not None and rule.under != "nothing"):
            self._add(
                group.place,
                "文件说明为密文，格式配置未列入" if told else "文件说明为明文，格式配置列为密文",
                "the file says it is enciphered, the format does not know how"
                if told
                else "the file says it is in the clear, the format that it is enciphered",
            )
        elif rule is None and number >> 12 == _SECRETS:
            self._add(
                group.place,
                "8xxx 为密钥分组，格式配置的 secret 未列入",
                "groups 8xxx hold keys, and `secret` of the format does not say how this one comes",
            )
        if rule is None:
            return PlannedGroup(number, group.value)
        if rule.under == "nothing":
            return PlannedGroup(number, secret=Secret(group.value))
        block = SUITES[rule.under].block
        if not group.value or len(group.value) % block:
            self._add(
                group.place,
                f"密文有 {len(group.value)} 字节，不是 {block} 的倍数",
                f"the ciphertext has {len(group.value)} bytes, no multiple of {block}",
            )
        return PlannedGroup(number, transported=Transported(group.value, rule.under, rule.filled))

    def _ordered(self, planned: dict[int, PlannedGroup]) -> tuple[PlannedGroup, ...]:
        """In the order of the file, but for what the rules move."""
        numbers = list(planned)
        for first, second in self._rules.precede:
            both = first in planned and second in planned
            if both and numbers.index(first) > numbers.index(second):
                numbers.remove(first)
                numbers.insert(numbers.index(second), first)
        if planned[numbers[-1]].value is None:
            final = next((each for each in self._rules.last if each in planned), None)
            if final is not None:
                numbers.remove(final)
                numbers.append(final)
        return tuple(planned[number] for number in numbers)

    def _dropped(self, group: RawGroup) -> bool:
        return self._rules.dropped(f"{group.number:04X}", group.name)

    def _add(self, place: Place, zh: str, en: str) -> None:
        self.flaws.append(Flaw(place, Text(zh, en)))


def _aid_of(name: Instance) -> bytes:
    return next(aid for aid, instance in _DIRECTORIES.items() if instance == name)
