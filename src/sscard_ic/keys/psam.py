"""A PSAM in a reader answers for keys: the terminal holds none (ref 12 §5, 02 §7, 01 §10.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sscard_ic.apdu import Command, Response, iso, psam
from sscard_ic.apdu.medical import TYPE_PURCHASE
from sscard_ic.apdu.psam import Owner, PurchaseInit, Validity
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.clock import Clock, SystemClock
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.factors import FACTOR_LENGTH, city_factor, province_factor
from sscard_ic.crypto.mac import MAC_LENGTH, folded_words, pad80, pad80_if_needed
from sscard_ic.crypto.secure_messaging import Method, covered
from sscard_ic.crypto.suites import SUITES, Algorithm, Suite
from sscard_ic.keys.capabilities import CardKey
from sscard_ic.keys.errors import NoPsamKeyError, NotPsamError, PsamAlgorithmError, PsamError
from sscard_ic.keys.medical import DebitMac, Purchase
from sscard_ic.profile.structure import Key
from sscard_ic.reader.connection import Connection

_CONDITIONS = StatusWord(0x6985)
_NOT_ALLOWED = Text(
    "PSAM 不允许这样使用该密钥：请使用密钥库或加密机",
    "the PSAM does not let the key be used so: use the vault or an HSM",
)
_NOT_FOUND = StatusWord(0x6A82)
_OTHER_STEPS = frozenset({0x6700, 0x6A80, 0x6A88})
"""How a PSAM says that its key takes another number of steps, or that it has none."""

_WRONG_MAC2 = StatusWord(0x9302)
_LONGEST_BLOCKS = 0x40
"""Bytes of one CIPHER DATA."""

_Place = tuple[Algorithm, int, int]
"""Where a key stands in a PSAM: environment, usage of the key table, identifier."""


@dataclass(frozen=True, slots=True)
class PsamDescription:
    """What a PSAM tells without any proof."""

    terminal: str
    """12 digits."""
    public: psam.PublicData | None
    number: int | None
    """Of the next purchase, or of the last one: PSAMs differ."""
    environments: Mapping[Algorithm, Mapping[Owner, Validity]]
    """The families of card keys, each with the validity of its roots by owner."""


class Psam:
    """Authenticator, message protector and debiter over a PSAM.

    ``keys`` are those of the cards' profile, which say the usage and identifier in the PSAM. How
    many derivation steps a key takes depends on the PSAM; it is tried once and remembered
    (ref 12 §5.3, compatibility rule).
    """

    works_offline = True

    def __init__(
        self, connection: Connection, keys: Mapping[str, Key], clock: Clock | None = None
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._clock = clock or SystemClock()
        self._environment: Algorithm | None = None
        self._was_elsewhere = False
        self._steps: dict[_Place, int] = {}
        self._validities: dict[tuple[Algorithm, Owner], Validity | None] = {}
        self._terminal: bytes | None = None
        self._authorised: DebitMac | None = None

    # Authenticator

    def cryptogram(self, key: CardKey, challenge: bytes, text: bytes) -> bytes:
        """8 bytes over ``text`` under the process key of ``challenge`` (ref 02 §3.2-3.5)."""
        suite = SUITES[key.algorithm]
        self._deliver(key, suite.extended(challenge))
        answer = self._cipher(psam.ENCRYPT, suite.extended(text), suite.block)
        return suite.folded(answer)

    def require_key(self, name: str, version: int, algorithm: Algorithm) -> None:
        """Raise :class:`NoPsamKeyError` unless the PSAM holds the key; nobody's card is touched."""
        self._enter(algorithm)
        usage, key_id = self._place(name, version, algorithm)
        if psam.type_of(usage) == psam.KeyType.PURCHASE:
            return  # only a purchase shows whether it is there
        self._check_owner(name, version, algorithm)
        if (algorithm, usage, key_id) not in self._steps:
            factors = [bytes(FACTOR_LENGTH)] * psam.MAX_STEPS
            session = bytes(SUITES[algorithm].block)
            self._try_steps(name, version, algorithm, factors, session)

    # Message protector

    def protect_command(
        self,
        key: CardKey,
        head: bytes,
        data: Secret,
        challenge: bytes,
        method: Method,
        *,
        enciphered: bool,
    ) -> bytes:
        """The data field of a command: ``data``, enciphered or not, and its MAC (ref 02 §4)."""
        sent = self._encipher(key, data, challenge, method) if enciphered else data.reveal()
        return sent + self.answer_mac(key, covered(head, sent), challenge, method)

    def answer_mac(self, key: CardKey, data: bytes, challenge: bytes, method: Method) -> bytes:
        """4 bytes over ``data`` that follow ``challenge`` (ref 02 §4)."""
        suite = SUITES[key.algorithm]
        start = self._protect(key, challenge, method)
        last = self._chain(suite, start, pad80(data, suite.block))
        return folded_words(last) if key.algorithm == "sm4" else last[:MAC_LENGTH]

    def _encipher(self, key: CardKey, data: Secret, challenge: bytes, method: Method) -> bytes:
        """LL ‖ ``data`` ‖ 80 00… enciphered for the command after ``challenge``."""
        suite = SUITES[key.algorithm]
        self._protect(key, challenge, method)
        plain = pad80_if_needed(bytes((len(data),)) + data.reveal(), suite.block)
        return self._cipher(psam.ENCRYPT, plain, len(plain))

    # Debiter

    def terminal(self) -> bytes:
        """The 6-byte terminal number of file 0016."""
        if self._terminal is None:
            self._select_mf()
            self._terminal = self._read(psam.TERMINAL, psam.TERMINAL_LENGTH)
        if self._terminal is None:
            raise NotPsamError
        return self._terminal

    def key_indexes(self) -> Sequence[int]:
        """Indexes of the DPK in the order to try them: city, province, nation."""
        self._enter("3des")
        owners: tuple[Owner, ...] = ("city", "provincial", "national")
        found = (self._validity("3des", owner) for owner in owners)
        indexes = (each.dpk_index for each in found if each is not None)
        return tuple(dict.fromkeys(index for index in indexes if index))

    def authorise_debit(self, purchase: Purchase) -> DebitMac:
        """MAC1 and the next transaction number of this PSAM (ref 12 §5.3 P5)."""
        if purchase.terminal != self.terminal():
            raise ValueError("the card was told another terminal number than that of the PSAM")
        key = purchase.key
        self._enter("3des")
        self._check_purchase_key(purchase.key_version)
        asked = PurchaseInit(
            purchase.random,
            purchase.counter,
            purchase.amounts,
            TYPE_PURCHASE,
            purchase.time,
            purchase.key_version,
            purchase.algorithm,
        )
        usage, _ = self._place(key.name, key.version, "3des")
        place: _Place = ("3des", usage, purchase.key_version)
        for steps in self._candidates(place):
            response = self._ask(psam.init_purchase(asked, _factors(key)[:steps]))
            if response.sw.ok:
                self._steps[place] = steps
                number, mac1 = response.data[:4], response.data[4:]
                self._authorised = DebitMac(int.from_bytes(number, "big"), mac1)
                return self._authorised
            if response.sw not in _OTHER_STEPS:
                raise _refused(Text("计算 MAC1", "compute MAC1"), response.sw)
        raise NoPsamKeyError(key.name, purchase.key_version, algorithm="3des")

    def confirm_debit(self, purchase: Purchase, debit: DebitMac, mac2: bytes) -> bool:
        """Whether ``mac2`` is the card's for the purchase authorised last (ref 12 §5.3 P6).

        Raises :class:`PsamError` for another one, and when the PSAM has forgotten it.
        """
        if debit != self._authorised:
            raise PsamError(
                Text(
                    "PSAM 已不记得这笔交易，无法校验 MAC2",
                    "the PSAM does not remember this purchase any more and cannot verify MAC2",
                ),
                where="PSAM",
            )
        sw = self._ask(psam.verify_mac2(mac2)).sw
        if sw.ok:
            return True
        if sw == _WRONG_MAC2 or sw.tries_left is not None:
            return False
        raise _refused(Text("校验 MAC2", "verify MAC2"), sw)

    # What it tells

    def describe(self) -> PsamDescription:
        """Terminal number, public data, environments and the validity of their roots."""
        terminal = self.terminal().hex()
        self._select_mf()
        raw = self._read(psam.PUBLIC_DATA, psam.PublicData.LENGTH)
        environments: dict[Algorithm, dict[Owner, Validity]] = {}
        number = None
        for algorithm in SUITES:
            try:
                self._enter(algorithm)
            except PsamAlgorithmError:
                continue
            found = {owner: self._validity(algorithm, owner) for owner in psam.VALIDITY_FILES}
            environments[algorithm] = {owner: each for owner, each in found.items() if each}
            counted = self._read(psam.NUMBER, psam.NUMBER_LENGTH)
            if counted is not None:
                number = int.from_bytes(counted, "big")
        public = psam.PublicData.parse(raw) if raw is not None else None
        return PsamDescription(terminal, public, number, environments)

    # Environments and files

    def _enter(self, algorithm: Algorithm) -> None:
        """Make the ADF for this family of keys current."""
        if self._environment == algorithm:
            return
        environment = psam.ENVIRONMENTS[algorithm]
        self._environment = None
        if algorithm == "3des":
            # Both environments have an ADF of this name: the way to this one begins at its MF.
            if self._was_elsewhere and not self._ask(iso.select_name(environment)).sw.ok:
                raise NotPsamError
            response = self._ask(iso.select_name(psam.AID))
            if not response.sw.ok:
                raise NotPsamError
        else:
            response = self._ask(iso.select_name(environment))
            if response.sw == _NOT_FOUND:
                self._enter("3des")
                raise PsamAlgorithmError(algorithm)
            response = self._ask(iso.select_fid(psam.ADF)) if response.sw.ok else response
            if not response.sw.ok:
                raise _refused(Text("选择应用", "select its application"), response.sw)
        self._was_elsewhere = algorithm != "3des"
        self._environment = algorithm

    def _select_mf(self) -> None:
        self._environment = None
        if not self._ask(iso.select_fid(0x3F00)).sw.ok:
            raise NotPsamError

    def _read(self, fid: int, length: int) -> bytes | None:
        """A file of the current directory by its short identifier; None when it is not there."""
        response = self._ask(iso.read_binary(0, length, fid & 0x1F))
        return response.data if response.sw.ok and len(response.data) == length else None

    def _validity(self, algorithm: Algorithm, owner: Owner) -> Validity | None:
        """What 001A, 001B or 001C says in the current environment; None without a sound file."""
        place = (algorithm, owner)
        if place not in self._validities:
            raw = self._read(psam.VALIDITY_FILES[owner], Validity.LENGTH)
            try:
                self._validities[place] = Validity.parse(raw) if raw is not None else None
            except ValueError:
                self._validities[place] = None
        return self._validities[place]

    # Keys

    def _place(self, name: str, version: int, algorithm: Algorithm) -> tuple[int, int]:
        """Usage and identifier of a key; that of a DPK counts on from the first index."""
        entry = self._keys.get(name)
        if entry is None or entry.psam_usage is None or entry.psam_id is None:
            raise NoPsamKeyError(name, version, algorithm=algorithm)
        return entry.psam_usage, entry.psam_id + (version - 1 if entry.indexed else 0)

    def _check_owner(self, name: str, version: int, algorithm: Algorithm) -> None:
        """Refuse a key of another version than the PSAM's, or past its days."""
        usage, key_id = self._place(name, version, algorithm)
        try:
            owner = psam.owner_of(usage, key_id)
        except ValueError:
            return
        validity = self._validity(algorithm, owner)
        if validity is None:
            return
        self._check_days(validity)
        if self._keys[name].groups > 1 and validity.key_version != version:
            raise NoPsamKeyError(name, version, algorithm=algorithm, held=validity.key_version)

    def _check_purchase_key(self, index: int) -> None:
        for owner in psam.VALIDITY_FILES:
            validity = self._validity("3des", owner)
            if validity is not None and validity.dpk_index == index:
                self._check_days(validity)
                return

    def _check_days(self, validity: Validity) -> None:
        if not validity.first <= self._clock.today() <= validity.last:
            raise _out_of_date(validity.first, validity.last)

    def _deliver(self, key: CardKey, session: bytes) -> None:
        """Have the PSAM make the process key of ``key`` for the session input."""
        self._enter(key.algorithm)
        self._check_owner(key.name, key.version, key.algorithm)
        self._try_steps(key.name, key.version, key.algorithm, _factors(key), session)

    def _protect(self, key: CardKey, challenge: bytes, method: Method) -> bytes:
        """Have the PSAM make what protects a message (ref 02 §4); the start value of its MAC."""
        block = SUITES[key.algorithm].block
        start = challenge.ljust(block, b"\x00")
        if method == "card_key":
            self._enter(key.algorithm)
            self._check_owner(key.name, key.version, key.algorithm)
            self._try_steps(key.name, key.version, key.algorithm, _factors(key), b"")
        else:
            self._deliver(key, start)
        return bytes(block) if method == "process_key" else start

    def _try_steps(
        self,
        name: str,
        version: int,
        algorithm: Algorithm,
        factors: Sequence[bytes],
        session: bytes,
    ) -> None:
        """DELIVERY SESSION KEY (without session input: its PBOC form), in as many steps as fit."""
        usage, key_id = self._place(name, version, algorithm)
        place = (algorithm, usage, key_id)
        for steps in self._candidates(place):
            of_steps = psam.with_steps(usage, steps)
            if session:
                command = psam.delivery_session_key(of_steps, key_id, factors[:steps], session)
            else:
                command = psam.derive_key(of_steps, key_id, factors[:steps])
            sw = self._ask(command).sw
            if sw.ok:
                self._steps[place] = steps
                return
            if sw not in _OTHER_STEPS:
                raise _refused(Text(f"分散密钥 {name}", f"derive the key {name}"), sw)
        raise NoPsamKeyError(name, version, algorithm=algorithm)

    def _candidates(self, place: _Place) -> Iterator[int]:
        """Numbers of steps to try: the one that was right, else that of the table, 3, 2, 1."""
        if place in self._steps:
            yield self._steps[place]
            return
        in_table = psam.steps_of(place[1])
        yield from dict.fromkeys((in_table, 3, 2, 1))

    # Exchanges

    def _chain(self, suite: Suite, start: bytes, data: bytes) -> bytes:
        """The last block of a MAC over whole blocks, in as many commands as it takes."""
        rest, first = start + data, True
        while True:
            part, rest = rest[:_LONGEST_BLOCKS], rest[_LONGEST_BLOCKS:]
            if not rest:
                mode = psam.MAC_WITH_START if first else psam.MAC_LAST
                return self._cipher(mode, part, suite.block)
            self._cipher(psam.MAC_MORE_WITH_START if first else psam.MAC_MORE, part, 0)
            first = False

    def _cipher(self, mode: int, data: bytes, answer: int) -> bytes:
        command = Secret(bytes(psam.cipher_data(mode, data, answer or None)))
        response = self._ask(command)
        if not response.sw.ok or len(response.data) != answer:
            raise _refused(Text("计算密文或 MAC", "compute a cryptogram or MAC"), response.sw)
        return response.data

    def _ask(self, command: Command | Secret) -> Response:
        raw = command if isinstance(command, Secret) else bytes(command)
        return Response.parse(self._connection.transmit(raw))


def _factors(key: CardKey) -> list[bytes]:
    """Card, city, province: the lowest level first (ref 01 §10.3)."""
    return [key.factor, city_factor(key.division_code), province_factor(key.division_code)]


def _refused(what: Text, sw: StatusWord) -> PsamError:
    return PsamError(
        Text(
            f"PSAM 拒绝“{what.zh}”：{sw}（{sw.text.zh}）",
            f"the PSAM refused to {what.en}: {sw} ({sw.text.en})",
        ),
        where="PSAM",
        hint=_NOT_ALLOWED if sw == _CONDITIONS else None,
    )


def _out_of_date(first: date, last: date) -> PsamError:
    return PsamError(
        Text(
            f"PSAM 中的密钥有效期为 {first} 至 {last}，今日不在其内",
            f"the keys in the PSAM are valid from {first} to {last}, not today",
        ),
        where="PSAM",
        hint=Text("更换 PSAM；或检查本机日期", "have it replaced; or check this machine's date"),
    )
