"""The bank's applications in issuance: made here, or met on cards that come from the bank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sscard_ic.base.errors import CardError, Text
from sscard_ic.card.bank_personalization import BankPersonalizer
from sscard_ic.card.bank_plan import BankPlan
from sscard_ic.card.financial.application import FinancialCard
from sscard_ic.card.financial.commands import NoBankApplication
from sscard_ic.card.financial.data import FinancialData
from sscard_ic.codec.text import ENCODING
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.issuance.bank.holder import LONG_NAME_ROOM, NAME_ROOM
from sscard_ic.issuance.bank.proof import prove_cryptogram
from sscard_ic.keys.bank_capabilities import bank_issuer, card_personalizer
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.profile.region import BankRules
from sscard_ic.reader import Connection

_BLANK_OF_BANK = Text("换一张该银行的空白卡", "insert a blank of the row's bank")


class OtherBankError(CardError):
    """The blank bears the application of another bank or account."""


class BankMismatchError(CardError):
    """The bank's application does not belong to the holder of the card."""


@dataclass(frozen=True, slots=True)
class BankSteps:
    """What stations do about the bank's applications of cards of one profile.

    ``service`` is asked for the capabilities of a personalizer and of the bank.
    """

    profile: CardProfile
    model: FinancialApplication
    service: object

    @property
    def personalizes(self) -> bool:
        """Whether the applications are made here."""
        return self.profile.structure.bank_application == "personalize"

    def check_blank(self, session: Connection, fields: Mapping[str, str]) -> None:
        """Refuse a blank that comes with the application of another bank or person (ref 05 §0).

        Compares the first digits of the number on the chip with those of the row, or with the
        prefixes of the region, and what it says of its holder. Another application is selected
        afterwards. Raises :class:`OtherBankError`, :class:`BankMismatchError`.
        """
        data, wanted = self._data_of_blank(session), fields.get("PAN", "")
        rules = self.profile.region.bank if self.profile.region is not None else BankRules()
        digits = rules.number_digits
        if rules.prefixes and not data.pan.startswith(rules.prefixes):
            raise OtherBankError(
                Text(
                    "此空白卡的银行卡号不以本地区所列的号码开头",
                    "the bank card number on the blank begins with none of the prefixes of the "
                    "region",
                ),
                hint=_BLANK_OF_BANK,
            )
        if wanted and data.pan[:digits] != wanted[:digits]:
            raise OtherBankError(
                Text(
                    f"此空白卡的银行卡号前 {digits} 位与该行的银行卡号不符",
                    f"the first {digits} digits of the bank card number on the blank are not "
                    "those of the row",
                ),
                hint=_BLANK_OF_BANK,
            )
        self._compare(data, None, fields)

    def _data_of_blank(self, session: Connection) -> FinancialData:
        try:
            return FinancialCard(session, self.model).read()
        except NoBankApplication as error:
            error.hint = Text(
                "bank_application = present 的规范要用银行已个人化的空白卡",
                "a profile with bank_application = present takes blanks that the bank has "
                "personalized",
            )
            raise

    def personalize(self, session: Connection, plan: BankPlan) -> str:
        """Build up the applications as far as the card does not hold them; a journal note."""
        made = BankPersonalizer(session, self.model, self.service).personalize(plan)
        return f"made {', '.join(made)}" if made else "was there already"

    def prove(
        self, session: Connection, plan: BankPlan | None, fields: Mapping[str, str]
    ) -> tuple[str, list[str]]:
        """Read the application as a terminal does and compare it with the row.

        The number on the card, and the names of keys that nothing proved. Of what was made here,
        a cryptogram of every algorithm is checked. Raises :class:`BankMismatchError`.
        """
        card = FinancialCard(session, self.model)
        data = card.read()
        self._compare(data, plan, fields)
        if plan is None:
            return data.pan, []
        algorithms, keys = _algorithms(plan), self.model.keys
        for algorithm in algorithms:
            issuer = bank_issuer(self.service)
            prove_cryptogram(card, issuer, plan.bank_card(algorithm, self.model), algorithm)
        # Keys that came from the bank under its transport key are not known here.
        unproven = [] if algorithms else [keys.cryptogram]
        return data.pan, [*unproven, keys.mac, keys.encipherment]

    def _compare(
        self, data: FinancialData, plan: BankPlan | None, fields: Mapping[str, str]
    ) -> None:
        """Number, name and document of the holder: the same on both applications.

        A card that comes from the bank may say nothing about the holder.
        """
        made = plan is not None
        if plan is not None and data.pan != plan.pan:
            raise _mismatch("PAN", Text("银行卡号", "bank card number"))
        name, number = data.holder.strip(), data.identity_number.strip()
        own_name = fields.get("LATIN_NAME" if "/" in name else "AAC003", "")
        nameless = not made and name in ("", "/")
        unknown = "/" in name and not own_name
        if not (nameless or unknown or _same_name(own_name, name, data)):
            raise _mismatch("AAC003", Text("姓名", "name"))
        own = fields.get("AAC147") or fields.get("AAC002", "")
        if (made or number) and number != own:
            raise _mismatch("AAC002", Text("证件号码", "number of the document"))


def bank_steps(profile: CardProfile, service: object) -> BankSteps | None:
    """The steps for cards of ``profile``; None for cards without an application of a bank.

    Raises :class:`MissingCapabilityError` when ``service`` cannot personalize and it has to.
    """
    if profile.financial is None:
        return None
    steps = BankSteps(profile, profile.financial, service)
    if steps.personalizes:
        card_personalizer(service)
        bank_issuer(service)
    return steps


def _algorithms(plan: BankPlan) -> list[Algorithm]:
    groups = plan.instance("payment").groups
    return [group.keys for group in groups if group.keys is not None]


def _same_name(row: str, held: str, data: FinancialData) -> bool:
    """Whether the card has the row's name, or as much of it as it has room for."""
    room = LONG_NAME_ROOM if data.data.get(0x9F0B) else NAME_ROOM
    # A character of two bytes may not fit any more.
    full = len(held.encode(ENCODING)) >= room - 1
    return bool(held) and (row == held or (full and row.startswith(held)))


def _mismatch(field: str, what: Text) -> BankMismatchError:
    return BankMismatchError(
        Text(
            f"银行应用中的{what.zh}与持卡人不符",
            f"the {what.en} in the bank's application is not the holder's",
        ),
        where=field,
        hint=Text(
            "此卡的银行应用属于他人：换一张空白卡", "it is somebody else's: insert another blank"
        ),
    )
