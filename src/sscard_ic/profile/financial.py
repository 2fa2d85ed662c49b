"""The debit application of the bank on the card: what terminal, chip and personalization share.

Source: ref 04, 14, 15. A setting stands where sources differ or are silent; each is explained in
``docs/assumptions.md``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sscard_ic.profile.data_groups import DataPlan
from sscard_ic.profile.fields import HexByte, HexBytes, HexWord, Strict, Title

Padding = Literal["none", "needed", "always"]
"""Filling 80 00… of a data group before it is enciphered: never, to whole blocks, always."""
Instance = Literal["payment", "pse", "ppse"]
BankKeyUse = Literal[
    "bank_cryptogram", "bank_mac", "bank_encipherment", "card_manager", "bank_transport"
]

_Aid = Annotated[HexBytes, Field(min_length=5, max_length=16)]


class FinancialSettings(Strict):
    """How the application behaves, on the card and so at the terminal."""

    sm_mac: Literal["folded", "leftmost"] = "folded"
    """The 8 bytes of the last SM4 block that count (ref 14 §0.2, §13)."""
    sm_arpc: Literal["leftmost", "folded"] = "leftmost"
    """The 8 bytes of the SM4 block of the ARPC (ref 14 §16)."""
    pin_mask: Literal["enc", "ac"] = "enc"
    """Card key whose bytes 5-8 mask a new PIN (ref 14 §6.4, 04 §6.6)."""
    processing_length: Literal["strict", "lenient"] = "strict"
    """GPO with ``8300`` where a PDOL asks for more: 6700, or zeros (ref 04 §9)."""
    special_data: Literal["open", "closed"] = "open"
    """Whether GET DATA answers what belongs to special devices (ref 14 §2.3)."""
    balance_readable: bool = True
    """Whether GET DATA answers the EC balance (ref 14 §2.1)."""
    pin_tries_readable: bool = True
    """Whether GET DATA answers 9F17 (ref 14 §2.1)."""
    scripts: Literal["standard", "strict"] = "standard"
    """Secured commands whenever they come, or only after the first cryptogram, never after a
    failed issuer authentication or a wrong MAC (ref 14 §5.7, 04 §4.3)."""
    authentication_failures: int = Field(default=0, ge=0, le=255)
    """Failed EXTERNAL AUTHENTICATE commands in a row until 6985; 0: no limit (ref 14 §5.5)."""
    second_arqc: Literal["refuse", "decline"] = "refuse"
    """An ARQC asked by the second GENERATE AC: 6985, or AAC (ref 14 §16)."""
    early_records: Literal["open", "closed"] = "open"
    """Whether files 1-10 are read before GPO, or refused 6985 (ref 04 §4.1, 14 §14)."""
    cash_integrity: bool = False
    """Whether an EC transaction compares its CDOL data with those of the PDOL (ref 04 §5.1)."""
    over_limit_sw: HexWord = 0x6A80
    """A balance above its limit in PUT DATA (ref 14 §4.1)."""
    wrong_length_sw: HexWord = 0x6700
    """Data of another length than the list asks for (ref 04 §4.2, 14 §16)."""
    contactless_debit: bool = True
    """Whether a terminal that asks for it (TTQ b1.7) gets the contact commands by air; else its
    wish for qPBOC counts (ref 14 §9.1)."""
    online_locator: Literal["absent", "present"] = "absent"
    """Whether a contactless ARQC or AAC comes with the AFL (ref 14 §9.8, 04 §0.3)."""
    product_information: bool = True
    """Whether a contactless ARQC or AAC comes with 9F63 (ref 14 §9.8, 04 §8.3)."""
    fdda_counter: bool = False
    """Whether the ATC stands before the hashed data of fDDA 01 (ref 04 §6.9)."""
    signature_record: HexWord = 0x0601
    """SFI and record that answer 9F4B of a key of more than 1024 bits (ref 04 §3.7)."""
    load_type: HexByte = 0x50
    """Transaction type 9C that terminals give a load; no standard names one (ref 04 §8.5,
    14 §8.3)."""
    load_log: bool = True
    """Whether changes of the balance are logged (ref 04 §1.3, §4.3)."""
    second_currency_cvm: HexWord = 0xDF72
    """CVM limit of the second currency; the other of DF72 and DF76 is the reset threshold
    (ref 15 §7.2)."""
    tries_order: Literal["counter_limit", "limit_counter"] = "counter_limit"
    """Bytes of DGI 9010 (ref 15 §7.3)."""
    card_block: Literal["bank", "chip"] = "bank"
    """What CARD BLOCK closes: the applications of the bank, or the whole chip."""
    challenge: Literal["absent", "present"] = "absent"
    """GET CHALLENGE of 8 bytes (ref 14 §4, 15 §10.2)."""


class GroupNumbers(Strict):
    """Numbers of the data groups (DGI) that no text of the standard gives (ref 15 §0.3, §7)."""

    keys_3des: HexWord = 0x8000
    check_3des: HexWord = 0x9000
    keys_sm4: HexWord = 0x8030
    check_sm4: HexWord = 0x9030
    sm2_private: HexWord = 0x8100
    rsa_coefficient: HexWord = 0x8201
    rsa_exponent_q: HexWord = 0x8202
    rsa_exponent_p: HexWord = 0x8203
    rsa_q: HexWord = 0x8204
    rsa_p: HexWord = 0x8205
    pin: HexWord = 0x8010
    pin_tries: HexWord = 0x9010
    fci: HexWord = 0x9102
    fci_contactless: HexWord = 0x9103
    contact: HexWord = 0x9104
    contact_sm: HexWord = 0x9114
    cash: HexWord = 0x9203
    cash_sm: HexWord = 0x9213
    contactless: HexWord = 0x9207
    contactless_sm: HexWord = 0x9217
    issuer_data: HexWord = 0x9200
    issuer_data_sm: HexWord = 0x9201


class ChipSettings(Strict):
    """The card manager and how applications of the bank are built up (ref 04 §7, 15 §5-7)."""

    issuer_domain: _Aid = bytes.fromhex("A000000003000000")
    package: _Aid = bytes.fromhex("A000000333010130")
    """Load file of payment application, PSE and PPSE."""
    payment_module: _Aid = bytes.fromhex("A0000003330101")
    directory_module: _Aid = bytes.fromhex("315041592E5359532E4444463031")
    payment_parameters: HexBytes = bytes.fromhex("C90120")
    directory_parameters: HexBytes = bytes.fromhex("C900")
    payment_privileges: HexByte = 0x10
    directory_privileges: HexByte = 0x00
    protocol: Literal["02", "01"] = "02"
    """Secure channel protocol: SCP02 or SCP01."""
    level: Literal["00", "01", "03"] = "01"
    """Security level that personalization asks for: none, C-MAC, C-MAC and encipherment; the
    standard recommends 01 (ref 15 §0.3)."""
    require_level: bool = True
    """Whether the chip refuses a command without the MAC that the level asks for (ref 15 §7.2)."""
    initial_vector: Literal["plain", "enciphered"] = "plain"
    """Start value of the next C-MAC: the last one, or that enciphered (ref 15 §6.5)."""
    mac_covers: Literal["plain", "enciphered"] = "plain"
    """What the C-MAC of level 03 is computed over: the data before or after they are enciphered
    (ref 15 §6.5)."""
    derivation: Literal["emv_cps", "visa2", "visa2_zero", "none"] = "emv_cps"
    """From the KMC to the keys of a card; ``visa2_zero``: 0000 in the place of the first two bytes
    of the key data (ref 15 §5.3, 04 §7.2)."""
    key_version: HexByte = 0x01
    key_identifier: HexBytes = Field(
        default=bytes.fromhex("888880FFFFFF"), min_length=6, max_length=6
    )
    """KMCID: BIN, left-justified, filled with F (ref 15 §5.3)."""
    first_sequence: int = Field(default=1, ge=0, le=0xFFFF)
    """Sequence counter of a new chip (ref 15 §5.3)."""
    order: tuple[Instance, ...] = ("payment", "pse", "ppse")
    """In which applications are personalized (ref 04 §7.1, 15 §7.5)."""
    template: Literal["A5", "6F"] = "A5"
    """How DGI 9102 and 9103 begin; chips take both (ref 15 §7.5)."""
    padding: dict[str, Padding] = Field(
        default={
            "8000": "none",
            "8010": "none",
            "8030": "none",
            "8100": "none",
            "8201": "always",
            "8202": "always",
            "8203": "always",
            "8204": "always",
            "8205": "always",
        }
    )
    """Filling of enciphered data groups (ref 04 §7.6, 15 §7.4)."""
    enciphered_groups: Literal["flag", "number"] = "flag"
    """How the chip tells that a data group is enciphered: by P1 b7-6 of STORE DATA, or by its
    number 8xxx (ref 15 §6.2)."""
    pin_format: Literal[2, 1] = 2
    """ISO 9564 format of the PIN block in DGI 8010 (ref 15 §7.3)."""
    joined_groups: bool = False
    """Whether one STORE DATA carries several data groups where they fit; cards may take only one
    each (ref 04 §7.4, 15 §6.2)."""
    longest_group: int = Field(default=252, ge=16, le=255)
    """Bytes of one STORE DATA; longer data groups go on in the next (ref 04 §7.4)."""


class BankKeys(Strict):
    """Names and versions of the bank's keys in the key service."""

    cryptogram: str = "BANK-AC"
    mac: str = "BANK-MAC"
    encipherment: str = "BANK-ENC"
    card_manager: str = "BANK-KMC"
    transport: str = "BANK-TK"
    version: int = Field(default=1, ge=1, le=255)

    @property
    def uses(self) -> dict[str, BankKeyUse]:
        """What each of them is for."""
        return {
            self.cryptogram: "bank_cryptogram",
            self.mac: "bank_mac",
            self.encipherment: "bank_encipherment",
            self.card_manager: "card_manager",
            self.transport: "bank_transport",
        }


class FinancialApplication(Title):
    """The debit application with its directories."""

    aid: _Aid
    label: str = Field(min_length=1, max_length=16)
    pse: _Aid = b"1PAY.SYS.DDF01"
    ppse: _Aid = b"2PAY.SYS.DDF01"
    settings: FinancialSettings = FinancialSettings()
    numbers: GroupNumbers = GroupNumbers()
    chip: ChipSettings = ChipSettings()
    keys: BankKeys = BankKeys()
    plan: DataPlan = DataPlan()
    """What data preparation writes on a card."""
