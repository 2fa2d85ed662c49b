"""Card keys that never leave the token: derived there, used there, and forgotten there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sscard_ic.base.clock import Clock
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.crypto.medical import TacForm
from sscard_ic.crypto.secure_messaging import Method, covered, enciphered_form, message_blocks
from sscard_ic.crypto.suites import SUITES
from sscard_ic.keys.capabilities import CardKey
from sscard_ic.keys.errors import MissingCapabilityError
from sscard_ic.keys.inventory import KeyInfo
from sscard_ic.keys.medical_rules import MedicalRules
from sscard_ic.keys.pkcs11.inside_key import InsideKey
from sscard_ic.keys.pkcs11.service import Pkcs11Service
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.keys.pkcs11.token import OpenToken
from sscard_ic.keys.policy import Operation, require_diversified
from sscard_ic.keys.root_holder import RootHolder

_CHECK_LENGTH = 3
_DOUBLE_LENGTH = 16


class Pkcs11TokenService(Pkcs11Service, RootHolder, MedicalRules):
    """Authenticator, macer, message protector, answer checker, medical host, without key bits.

    It loads no keys into cards and derives none in bulk, for that brings them to this program;
    and it has no TAC of the form ``xor_halves``, for the token does not join the halves of a key.
    """

    def __init__(self, token: OpenToken, settings: Pkcs11Settings, clock: Clock) -> None:
        Pkcs11Service.__init__(self, token, settings, clock)
        RootHolder.__init__(self, clock)

    @property
    def limits(self) -> Text:
        """Why it cannot do what others of its kind can."""
        return Text(
            '卡密钥不得离开加密机（derived_keys = "token"）；需要时请设置 derived_keys = "host"',
            'card keys may not leave the HSM (derived_keys = "token"); where they have to, set '
            'derived_keys = "host"',
        )

    def check_value(self, key: CardKey) -> bytes:
        """3 bytes: the check value of a derived card key."""
        info = self.root_info(key.name, key.version, key.algorithm)
        require_diversified(info, self.place)
        with self._token.calling():
            zeros = bytes(SUITES[key.algorithm].block)
            return self._inside(info, key).encrypt(zeros)[:_CHECK_LENGTH]

    def cryptogram(self, key: CardKey, challenge: bytes, text: bytes) -> bytes:
        """8 bytes over ``text`` under the process key of ``challenge`` (ref 02 §3.2-3.5)."""
        suite = SUITES[key.algorithm]
        block, proved = suite.extended(challenge), suite.extended(text)
        with self._using(key, "authenticate") as inside, inside.process_key(block) as process:
            return suite.folded(process.encrypt(proved))

    def mac(self, key: CardKey, data: bytes, iv: bytes = bytes(8)) -> bytes:
        """4 bytes: retail, DES or folded SM4 MAC, ``iv`` filled with 00 (ref 02 §4.1)."""
        start = iv.ljust(SUITES[key.algorithm].block, b"\x00")
        with self._using(key, "mac") as inside:
            return inside.mac(data, start)

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
        sent = data.reveal()
        with self._protecting(key, challenge, method) as (protector, start):
            if enciphered:
                sent = protector.encrypt(enciphered_form(SUITES[key.algorithm], sent))
            return sent + protector.mac(covered(head, sent), start)

    def answer_mac(self, key: CardKey, data: bytes, challenge: bytes, method: Method) -> bytes:
        """4 bytes over the data of an answer to the command after ``challenge`` (ref 02 §4)."""
        with self._protecting(key, challenge, method) as (protector, start):
            return protector.mac(data, start)

    def _session_mac(self, key: CardKey, operation: Operation, block: bytes, data: bytes) -> bytes:
        with self._using(key, operation) as inside, inside.process_key(block) as session:
            return session.mac(data, bytes(len(block)))

    def _tac(self, key: CardKey, data: bytes, form: TacForm) -> bytes:
        if form == "xor_halves":
            raise MissingCapabilityError(
                Text(
                    "加密机不能在其内部将密钥两半异或（TAC 形式 xor_halves）",
                    "an HSM does not join the halves of a key inside (TAC of the form xor_halves)",
                ),
                where=self.place,
                hint=self.limits,
            )
        with self._using(key, "tac") as inside:
            return inside.mac(data, bytes(SUITES[key.algorithm].block))

    @contextmanager
    def _using(self, key: CardKey, operation: Operation) -> Iterator[InsideKey]:
        """The key of a card, which may be used so."""
        self._require(key.name, key.version, key.algorithm, operation)
        info = self.root_info(key.name, key.version, key.algorithm)
        with self._token.calling():
            yield self._inside(info, key)

    @contextmanager
    def _protecting(
        self, key: CardKey, challenge: bytes, method: Method
    ) -> Iterator[tuple[InsideKey, bytes]]:
        """What protects the one command after ``challenge``, and the start value of its MAC."""
        block, start = message_blocks(SUITES[key.algorithm], challenge, method)
        with self._using(key, "protect") as inside:
            if not block:
                yield inside, start
                return
            with inside.process_key(block) as process:
                yield process, start

    def _inside(self, info: KeyInfo, key: CardKey) -> InsideKey:
        place = key.division_code, key.factor
        halved = info.family == "3des" and info.length == _DOUBLE_LENGTH
        return InsideKey(
            self._token,
            self._derivation,
            self._ciphers.of(info.algorithm),
            self._ciphers.of("des"),
            self._derivation.of_card(info, *place),
            (lambda: self._derivation.left_half(info, *place)) if halved else None,
        )
