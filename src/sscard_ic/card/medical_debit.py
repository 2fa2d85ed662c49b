"""Settlement with the card, in its three modes (ref 12 §7.1-7.3, §7.7)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from sscard_ic.apdu import medical as apdu
from sscard_ic.base.errors import CardError, InputError, SscardError, Text
from sscard_ic.card.medical_commands import AccountCommands
from sscard_ic.card.medical_holder import read_holder
from sscard_ic.card.medical_offline import OfflineFile, after_payment, check_allowed, check_local
from sscard_ic.card.medical_records import (
    CATEGORIES,
    RECORDED_CATEGORIES,
    DebitResult,
    Holder,
    Journal,
    LogLost,
    Mode,
    NotGenuine,
    OfflineData,
    PendingDebit,
    Split,
)
from sscard_ic.keys.medical import Debiter, TacChecker, debiter, offline_debiter
from sscard_ic.profile.region import Region

_MODES: dict[int, tuple[Mode, ...]] = {
    1: ("online",),
    2: ("online", "temporary"),
    3: ("offline",),
}
"""What a region's mode allows (ref 12 §2)."""

_WITH_TEMPORARY = 2
_PREPARE = Text("医保结算初始化", "prepare the settlement")
_DEBIT = Text("医保结算", "settle")


@dataclass(frozen=True, slots=True)
class DebitOrder:
    """What is to be settled: see :meth:`.MedicalAccount.debit`."""

    split: Split
    mode: Mode
    time: datetime
    category: str | None = None
    settlement: str = ""

    def __post_init__(self) -> None:
        if self.category is not None and self.category not in CATEGORIES:
            known_zh = "，".join(f"{code} {text.zh}" for code, text in CATEGORIES.items())
            known_en = ", ".join(f"{code} {text.en}" for code, text in CATEGORIES.items())
            raise InputError(
                Text(
                    f"没有结算类别 {self.category}；已有：{known_zh}",
                    f"there is no category {self.category}; known: {known_en}",
                )
            )
        if self.mode == "temporary" and self.split.account != self.split.total:
            raise InputError(
                Text(
                    "临时脱网只能结算账户支付",
                    "temporarily offline only payments from the account are settled",
                ),
                hint=Text("统筹与现金部分请联网结算", "settle the other parts online"),
            )


@dataclass(slots=True)
class _Aftermath:
    """What becomes of a settlement after the card has paid."""

    mac2_valid: bool | None = None
    tac_valid: bool | None = None
    offline: OfflineData | None = None
    offline_blocked: bool = False
    problems: list[SscardError] = field(default_factory=list)


class Debiting:
    """Settlements with one card: ``terminal`` authorises, ``centre`` checks TACs."""

    def __init__(
        self,
        commands: AccountCommands,
        terminal: object | None,
        centre: object | None,
        journal: Journal,
    ) -> None:
        self._commands = commands
        self._terminal = terminal
        self._centre = centre
        self._journal = journal

    def debit(self, order: DebitOrder) -> DebitResult:
        """See :meth:`.MedicalAccount.debit`."""
        region = self._region(order.mode)
        authoriser = debiter if order.mode == "online" else offline_debiter
        service = authoriser(self._terminal)
        prepared = self._prepare(order, region, service)
        # What is written down names the key; an HSM service wants to hear more about the card.
        key = self._commands.card.card_key(prepared.key_name, prepared.key_index)
        debit = service.authorise_debit(replace(prepared.purchase, key=key))
        pending = prepared.model_copy(update={"number": debit.number, "mac1": debit.mac1})
        command = apdu.debit_for_purchase(debit.number, pending.time, debit.mac1)
        tac, mac2 = self._commands.conclude(
            pending, self._journal, command, apdu.parse_debit_answer, _DEBIT
        )
        return self._finish(pending, tac, mac2)

    def recover(self, pending: PendingDebit) -> DebitResult | None:
        """See :meth:`.MedicalAccount.recover`."""
        commands = self._commands
        commands.require_same_card(pending)
        made = commands.made(pending, apdu.TYPE_PURCHASE, pending.amounts)
        if made is False:
            self._journal.end(pending, None)
            return None
        if pending.holder == Holder():
            holder = read_holder(commands.card, commands.medical)
            pending = pending.model_copy(update={"holder": holder})
        if made is None:
            lost = DebitResult(
                pending=pending,
                tac=None,
                tac_valid=None,
                mac2_valid=None,
                recovered=True,
                offline_blocked=pending.mode == "temporary",
                problems=(LogLost(),),
            )
            self._journal.end(pending, lost)
            return lost
        mac2, tac = commands.proof(apdu.TYPE_PURCHASE, pending.counter) or (None, None)
        return self._finish(pending, tac, mac2, recovered=True)

    # Before the card pays

    def _region(self, mode: Mode) -> Region:
        profile = self._commands.card.profile
        region = profile.region
        if region is None:
            raise InputError(
                Text("结算方式由地区决定，此规范不属于任何地区", "the profile is of no region"),
                where=profile.name,
                hint=Text("用 --profile 指定地区的规范", "name a region's profile with --profile"),
            )
        allowed = _MODES[region.medical_settlement.mode]
        if mode not in allowed:
            names = ", ".join(allowed)
            raise InputError(
                Text(
                    f"本地区不采用 {mode} 方式；可用：{names}",
                    f"the region does not settle in the mode {mode}; it uses: {names}",
                ),
                where=profile.name,
                hint=Text(
                    "[medical_settlement] 的 mode 决定方式",
                    "mode of [medical_settlement] decides it",
                ),
            )
        return region

    def _prepare(self, order: DebitOrder, region: Region, service: Debiter) -> PendingDebit:
        """Everything up to INITIALIZE FOR PURCHASE; nothing of it changes the card's account."""
        commands, medical = self._commands, self._commands.medical
        commands.require_finished(self._journal)
        holder = read_holder(commands.card, medical)
        before = None
        temporary = order.mode == "temporary"
        keeps_sums = temporary or medical.offline is not None
        if region.medical_settlement.mode == _WITH_TEMPORARY and keeps_sums:
            if temporary:
                check_local(commands.card, holder.insured_place, region.issuer.division_code)
                self._require_complete_data()
            before = OfflineFile(commands.card, medical).read()
            if temporary:
                check_allowed(before, order.split.total, region.medical_settlement)
        amounts, terminal = order.split.amounts(order.mode), service.terminal()
        p2 = commands.settings.purchase_p2
        index, data = commands.initialize(
            service.key_indexes(),
            lambda index: apdu.initialize_for_purchase(index, amounts, terminal, p2),
            _PREPARE,
        )
        offer = commands.parsed(apdu.PurchaseOffer.parse, data)
        key = commands.card.card_key(medical.purchase_key, index)
        return PendingDebit(
            division_code=key.division_code,
            card_factor=key.factor,
            key_name=key.name,
            key_index=index,
            key_version=offer.key_version,
            algorithm=offer.algorithm,
            random=offer.random,
            counter=offer.counter,
            terminal=terminal,
            time=apdu.time_bytes(order.time),
            mode=order.mode,
            account=order.split.account,
            pooled=order.split.pooled,
            cash=order.split.cash,
            a1=amounts.account,
            a2=amounts.self_paid,
            a3=amounts.pooled,
            category=order.category,
            settlement=order.settlement,
            offline_before=before,
            holder=holder,
        )

    def _require_complete_data(self) -> None:
        identity = self._commands.card.identity
        if self._journal.blocks_offline(identity.division_code, identity.factor):
            raise CardError(
                Text(
                    "此卡上一笔脱网结算未能写入卡内信息，不能再脱网结算",
                    "the last offline settlement of this card is not in its data; it cannot "
                    "settle offline again",
                ),
                hint=Text("请联网结算一次", "settle online once"),
            )

    # After the card has paid: nothing here may lose the result

    def _finish(
        self,
        pending: PendingDebit,
        tac: bytes | None,
        mac2: bytes | None,
        *,
        recovered: bool = False,
    ) -> DebitResult:
        after = _Aftermath()
        self._confirm(pending, mac2, after, recovered)
        self._check_tac(pending, tac, after)
        wrong = False in (after.mac2_valid, after.tac_valid)
        if not wrong:
            self._keep_offline_data(pending, after, recovered)
            self._note_category(pending, after, recovered)
        result = DebitResult(
            pending=pending,
            tac=tac,
            mac2_valid=after.mac2_valid,
            tac_valid=after.tac_valid,
            recovered=recovered,
            offline=after.offline,
            offline_blocked=after.offline_blocked,
            problems=tuple(after.problems),
        )
        self._journal.end(pending, result)
        if wrong:
            which = "MAC2" if after.mac2_valid is False else "TAC"
            raise NotGenuine(
                Text(f"卡给出的 {which} 不正确", f"the {which} of the card is wrong"), result
            )
        return result

    def _confirm(
        self, pending: PendingDebit, mac2: bytes | None, after: _Aftermath, recovered: bool
    ) -> None:
        """MAC2, by whoever made MAC1 (ref 12 §7.1 step 8)."""
        if mac2 is None or not isinstance(self._terminal, Debiter):
            return
        try:
            after.mac2_valid = self._terminal.confirm_debit(pending.purchase, pending.debit, mac2)
        except SscardError as error:
            # A recovered settlement outlives the state of a PSAM: its TAC decides then.
            if not recovered:
                after.problems.append(error)

    def _check_tac(self, pending: PendingDebit, tac: bytes | None, after: _Aftermath) -> None:
        if tac is None or not isinstance(self._centre, TacChecker):
            return
        commands = self._commands
        form = commands.settings.tac_form
        try:
            key = commands.card.card_key(commands.medical.tac_key)
            after.tac_valid = self._centre.check_debit_tac(
                key, pending.purchase, pending.number, tac, form
            )
        except SscardError as error:
            after.problems.append(error)

    def _keep_offline_data(self, pending: PendingDebit, after: _Aftermath, recovered: bool) -> None:
        """EF06: one payment more, or nothing again once the centre has verified the TAC."""
        before = pending.offline_before
        if before is None:
            return
        if pending.mode == "temporary":
            wanted = after_payment(before, pending.account)
        elif after.tac_valid:
            wanted = OfflineData(allowed=before.allowed, amount=0, count=0)
        else:
            return
        file = OfflineFile(self._commands.card, self._commands.medical)
        try:
            found = file.read() if recovered else before
            if pending.mode == "temporary":
                _require_untouched(found, before, wanted)
            file.write(wanted, found)
            after.offline = wanted
        except SscardError as error:
            after.offline_blocked = pending.mode == "temporary"
            after.problems.append(_not_kept(error, pending.mode))

    def _note_category(self, pending: PendingDebit, after: _Aftermath, recovered: bool) -> None:
        """EF15, for work injury, maternity and medical aid (ref 12 §3.4)."""
        commands = self._commands
        file = commands.medical.categories
        if pending.category not in RECORDED_CATEGORIES or file is None:
            return
        record = commands.sequence(pending).to_bytes(2, "big") + pending.category.encode("ascii")
        path = f"{commands.medical.directory}.{file}"
        try:
            if not (recovered and self._has_category(path, record)):
                commands.card.append(commands.medical.directory, file, record)
        except SscardError as error:
            after.problems.append(
                CardError(
                    Text(
                        f"已结算，但特殊医疗结算记录未写入：{error.what.zh}",
                        f"settled, but the record of its category was not written: {error.what.en}",
                    ),
                    where=path,
                    hint=Text("请人工登记该类别", "note the category by hand"),
                )
            )

    def _has_category(self, path: str, record: bytes) -> bool:
        card = self._commands.card
        places = [place for place in card.profile.places if place.path.split("#")[0] == path]
        return record in card.read(places).values.values()


def _require_untouched(found: OfflineData, before: OfflineData, wanted: OfflineData) -> None:
    """What a recovery finds is the data before or after the payment, or half of each."""
    if found.amount in (before.amount, wanted.amount) and found.count in (
        before.count,
        wanted.count,
    ):
        return
    raise CardError(
        Text(
            "中断之后卡内临时脱网信息又有变化",
            "the data of temporary offline settlement have changed since the interruption",
        ),
        hint=Text("请联网结算，由中心重写", "settle online; the centre writes them anew"),
    )


def _not_kept(error: SscardError, mode: Mode) -> CardError:
    what_zh, what_en = "已结算，但临时脱网信息未完整写入", "settled, but EF06 was not written whole"
    hint = Text(
        "下次联网结算前，此卡不得再脱网结算" if mode == "temporary" else "请重新写入",
        "no more offline settlement with this card before the next one online"
        if mode == "temporary"
        else "write them again",
    )
    return CardError(
        Text(f"{what_zh}：{error.what.zh}", f"{what_en}: {error.what.en}"),
        where=error.where,
        hint=hint,
    )
