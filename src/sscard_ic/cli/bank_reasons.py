"""Why a transaction did not do what was wanted, and by which set of keys the card answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sscard_ic.base.errors import Text
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.authorisation import APPROVED
from sscard_ic.card.financial.running import TransactionResult
from sscard_ic.card.financial.words import code_text
from sscard_ic.cli.common import language, say
from sscard_ic.codec.pboc.bits import Kind, Tvr
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.tlv import TlvError
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.explain.bank_words import verification_results

_ISSUER_DATA, _SM_INDICATOR = 0x9F10, 0xDF69
_ALGORITHMS: dict[int, Algorithm] = {0x01: "3des", 0x04: "sm4"}


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause and the next step."""

    name: str
    """For programs."""
    text: Text
    hint: Text | None = None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        hint = None if self.hint is None else self.hint.to(language())
        return {"name": self.name, "message": self.text.to(language()), "hint": hint}

    def say(self, zh: str, en: str) -> None:
        """For people: what did not take place, why, and on a second line the next step."""
        say(Text(f"{zh}：{self.text.zh}。", f"{en}: {self.text.en}."))
        if self.hint is not None:
            say(Text(f"  → {self.hint.zh}", f"  → {self.hint.en}"))


BLOCKED = "application_blocked"
_OTHER_INTERFACE = Reason(
    "other_interface",
    Text("须改用接触口", "it takes the contact interface"),
    Text("用接触式读写器再试", "try again with a contact reader"),
)
_UNGENUINE = Reason(
    "answer_refused",
    Text(
        "卡不接受发卡行的认证数据（ARPC）",
        "the card refused the authentication data of its bank (ARPC)",
    ),
    Text(
        "检查密钥库或 [bank] 是否属于此卡的发卡行",
        "check whether vault or [bank] are those of the bank of this card",
    ),
)


def declined(result: TransactionResult, *, blocked: bool) -> Reason | None:
    """Why a transaction was not approved; None where it was.

    ``blocked``: whether the card said so when its application was selected.
    """
    if result.outcome == "approved":
        return None
    if result.outcome == "other_interface":
        return _OTHER_INTERFACE
    return unanswered(result, blocked=blocked) or _answered(result)


def unanswered(result: TransactionResult, *, blocked: bool) -> Reason | None:
    """Why the bank has given no answer; None where it has."""
    if result.response is not None:
        return None
    if result.request is None:
        return _blocked(result) if blocked else _offline(result)
    said = next(step.details[0] for step in result.steps if step.name == "online")
    return Reason(
        "bank_unreachable",
        said,
        Text(
            "检查 [bank] 中的网址，以及 sscard bank host 是否在运行",
            "check the address in [bank], and whether `sscard bank host` runs",
        ),
    )


def answer_refused(result: TransactionResult) -> Reason | None:
    """The card took the answer for another bank's."""
    return _UNGENUINE if result.tvr & Tvr.ISSUER_AUTHENTICATION_FAILED else None


def refused_by_bank(code: bytes) -> Reason:
    """A code that is no approval."""
    return Reason("declined_by_bank", code_text(code))


def _answered(result: TransactionResult) -> Reason:
    assert result.response is not None
    if result.response.code != APPROVED:
        return refused_by_bank(result.response.code)
    return answer_refused(result) or Reason(
        "declined_after_approval",
        Text("发卡行批准后卡或终端拒绝", "declined after the bank had approved it"),
    )


def _blocked(result: TransactionResult) -> Reason:
    kind = _kind(result)
    return Reason(
        BLOCKED,
        Text(
            f"应用已锁定，卡应答 {kind.zh}，没有询问发卡行",
            f"the application is blocked: the card gave {kind.en}, and the bank was not asked",
        ),
        Text("用 sscard bank unblock 解锁", "`sscard bank unblock` opens it again"),
    )


def _kind(result: TransactionResult) -> Text:
    if result.kind is None:
        return Text("不含密文", "no cryptogram")
    name = result.kind.name
    return Text(name, f"a {name}" if result.kind == Kind.TC else f"an {name}")


def _offline(result: TransactionResult) -> Reason:
    kind = _kind(result)
    data = _issuer_data(result)
    told = verification_results(data.cvr) if data is not None else Text("-", "-")
    return Reason(
        "declined_offline",
        Text(
            f"脱机拒绝：卡应答 {kind.zh}，没有询问发卡行；卡片验证结果（CVR）：{told.zh}",
            f"declined offline: the card gave {kind.en}, and the bank was not asked; card "
            f"verification results (CVR): {told.en}",
        ),
        Text(
            "用 sscard bank read 看状态和限额",
            "`sscard bank read` shows state and limits",
        ),
    )


def _issuer_data(result: TransactionResult) -> IssuerData | None:
    try:
        return IssuerData.parse(result.values.get(_ISSUER_DATA, b""))
    except TlvError:
        return None


# -- the set of keys -------------------------------------------------------------------------


def answered_by(card: FinancialCard, result: TransactionResult) -> Algorithm | None:
    """The algorithm of the card's cryptogram; None where it does not tell."""
    data = _issuer_data(result)
    if data is None:
        return None if knows_sets(card) else "3des"
    return _ALGORITHMS.get(data.algorithm)


def knows_sets(card: FinancialCard) -> bool:
    """Whether the card asks which set is wanted (DF69 in its PDOL)."""
    return _SM_INDICATOR in card.info.list


def tell_set(asked: Algorithm, answered: Algorithm | None) -> None:
    """Say so where ``--sm`` had no effect."""
    if asked == "sm4" and answered == "3des":
        say(
            Text(
                "此卡没有国密数据：--sm 不起作用，卡按国际算法（3DES、RSA）应答。",
                "This card has no SM set: --sm had no effect, it answered by 3DES and RSA.",
            )
        )
