"""Contact transactions with a test card, command by command, and the issuer behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.debit_card import SELECT, DebitCard, card_key

from sscard_ic.codec.pboc.bits import Kind
from sscard_ic.codec.pboc.dol import Dol
from sscard_ic.codec.pboc.issuer_data import IssuerData
from sscard_ic.codec.tlv import parse_ber
from sscard_ic.crypto.pboc.symmetric import BankSuite, change_block, cryptogram_input
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.simulator.pboc.stored import KeyUse

AAC, TC, ARQC = Kind.AAC, Kind.TC, Kind.ARQC
FIRST_LIST = Dol.parse(bytes.fromhex("9F02069F03069F1A0295055F2A029A039C019F37049F21039F4E14"))
SECOND_LIST = Dol.parse(bytes.fromhex("8A029F02069F03069F1A0295055F2A029A039C019F37049F2103"))
"""8C and 8D of the test card (ref 04 §3.1)."""
TERMINAL = {
    0x9F02: "000000000100",
    0x9F1A: "0156",
    0x5F2A: "0156",
    0x9A: "260115",
    0x9C: "00",
    0x9F37: "11223344",
    0x9F21: "101112",
    0x9F4E: b"SHOP".hex(),
}


@dataclass(frozen=True)
class Answer:
    """What a GENERATE AC answered."""

    cid: int
    atc: int
    cryptogram: bytes
    issuer_data: bytes

    @property
    def kind(self) -> Kind:
        """What the card says it is."""
        return Kind(self.cid >> 6)

    @property
    def results(self) -> str:
        """Bytes 2-4 of the card verification results."""
        return self.issuer_data[4:7].hex().upper()


@dataclass
class Contact:
    """One transaction; ``told`` are the terminal's values by tag."""

    card: DebitCard
    told: dict[int, str] = field(default_factory=lambda: dict(TERMINAL))
    algorithm: Algorithm = "3des"
    aip: bytes = b""
    arqc: bytes = b""
    """Cryptogram of the first GENERATE AC."""
    atc: int = 0

    @property
    def values(self) -> dict[int, bytes]:
        """The terminal's values."""
        return {tag: bytes.fromhex(value) for tag, value in self.told.items()}

    @property
    def suite(self) -> BankSuite:
        """Arithmetic of the transaction."""
        return BankSuite(self.algorithm)

    def options(self) -> str:
        """SELECT, and the GPO command for the PDOL of the card."""
        (template,) = parse_ber(self.card.send(SELECT).data)
        wanted = template.find(0x9F38)
        data = Dol.parse(wanted.value if wanted else b"").join(self.values)
        return f"80A80000{len(data) + 2:02X}83{len(data):02X}{data.hex()}00"

    def start(self) -> bytes:
        """SELECT and GPO: the AFL."""
        self.algorithm = "sm4" if self.told.get(0xDF69) == "01" else "3des"
        (answer,) = self.card.objects(self.options())
        assert answer.tag == 0x80
        self.aip = answer.value[:2]
        return answer.value[2:]

    def first(self, kind: Kind, combined: int = 0) -> Answer:
        """The first GENERATE AC."""
        answer = self._generate(FIRST_LIST, kind, combined)
        self.arqc, self.atc = answer.cryptogram, answer.atc
        return answer

    def go_online(self) -> Answer:
        """GPO and an ARQC."""
        self.start()
        answer = self.first(ARQC)
        assert answer.kind is ARQC
        return answer

    def authenticate(self, code: str = "00", *, wrong: bool = False) -> str:
        """EXTERNAL AUTHENTICATE; the status word."""
        arc = code.encode()
        proof = self.suite.response_cryptogram(self._key("cryptogram"), self.arqc, arc)
        if wrong:
            proof = bytes(8)
        return self.card.sw(f"008200000A{proof.hex()}{arc.hex()}")

    def second(self, kind: Kind, code: str = "00", combined: int = 0) -> Answer:
        """The second GENERATE AC with the response code."""
        self.told[0x8A] = code.encode().hex()
        return self._generate(SECOND_LIST, kind, combined)

    def complete(self) -> Answer:
        """An online transaction that the issuer approves, from SELECT on."""
        self.go_online()
        assert self.authenticate() == "9000"
        return self.second(TC)

    def expected(self, answer: Answer) -> bytes:
        """The cryptogram that the issuer computes for an answer."""
        data = IssuerData.parse(answer.issuer_data)
        results = data.card_verification_results
        message = cryptogram_input(data.version, self.values, self.aip, answer.atc, results)
        key = self.suite.session_key(card_key(self.algorithm, "cryptogram"), answer.atc)
        return self.suite.mac(key, message)

    def script(self, header: str, data: bytes = b"", *, wrong: bool = False) -> str:
        """A command with its MAC; the status word."""
        return self.card.sw(self.signed(header, data, wrong=wrong))

    def signed(self, header: str, data: bytes = b"", *, wrong: bool = False) -> str:
        """A command with its MAC."""
        head = bytes.fromhex(header)
        mac = self.suite.script_mac(self._key("mac"), head, self.atc, self.arqc, data)
        if wrong:
            mac = bytes(4)
        return f"{header}{len(data) + 4:02X}{data.hex()}{mac.hex()}"

    def change_pin(self, new: str, current: str | None = None) -> str:
        """PIN CHANGE, with the current PIN (P2 = 01) or without (02); the status word."""
        mask = card_key(self.algorithm, "encipherment")[4:8]
        data = self.suite.encipher(self._key("encipherment"), change_block(mask, new, current))
        return self.script("84240002" if current is None else "84240001", data)

    def put(self, tag: str, value: str) -> str:
        """PUT DATA; the status word."""
        return self.script(f"04DA{tag}", bytes.fromhex(value))

    def command(self, second: bool, kind: Kind, more: Mapping[int, str] | None = None) -> str:
        """The bare GENERATE AC command."""
        values = self.values | {tag: bytes.fromhex(v) for tag, v in (more or {}).items()}
        data = (SECOND_LIST if second else FIRST_LIST).join(values)
        return f"80AE{kind << 6:02X}00{len(data):02X}{data.hex()}00"

    def _generate(self, wanted: Dol, kind: Kind, combined: int) -> Answer:
        data = wanted.join(self.values)
        p1 = kind << 6 | combined << 4
        (answer,) = self.card.objects(f"80AE{p1:02X}00{len(data):02X}{data.hex()}00")
        assert answer.tag == 0x80
        value = answer.value
        return Answer(value[0], int.from_bytes(value[1:3], "big"), value[3:11], value[11:])

    def _key(self, use: KeyUse) -> bytes:
        return self.suite.session_key(card_key(self.algorithm, use), self.atc)
