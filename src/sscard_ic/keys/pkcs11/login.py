"""Logging in to a token, without ever using up the tries of its PIN."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pkcs11
from pkcs11 import Attribute
from pkcs11.attributes import AttributeMapper

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.pkcs11.errors import CryptokiError, HsmError, HsmPinError, hsm_error, reason_of
from sscard_ic.keys.pkcs11.library import Library, load_library
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.keys.pkcs11.token import OpenToken, TokenState, state_of, the_token

_SEE_MAKER = Text("按厂商手册用安全官 PIN 解锁", "unlock it with the SO PIN, as its maker says")
_WRONG = frozenset({"PinIncorrect", "PinInvalid", "PinLenRange"})


def open_token(
    settings: Pkcs11Settings, pin: Secret, *, typed: bool = False, allow_last_try: bool = False
) -> OpenToken:
    """Log in once; raises :class:`HsmError`, :class:`HsmPinError` for everything about the PIN.

    ``typed``: a person has just typed the PIN. Any other is not tried once a wrong one was given,
    so that no program that starts again and again locks the token. The last try of all is left
    to those who ask for it (``allow_last_try``).
    """
    library = load_library(settings.module)
    with library.lock:
        token, state = the_token(library, settings)
        _require_tries(state, typed=typed, allow_last_try=allow_last_try)
        try:
            session = token.open(rw=not state.read_only, attribute_mapper=_mapper())
        except pkcs11.PKCS11Error as error:
            failure = hsm_error(error, state.place)
        else:
            return _logged_in(library, token, session, state, pin)
    raise failure


def _logged_in(
    library: Library, token: Any, session: Any, state: TokenState, pin: Secret
) -> OpenToken:
    """The one try of the PIN."""
    refused: Exception
    try:
        library.functions.login(int(session.handle), pin.reveal())
        mechanisms = frozenset(int(each) for each in token.slot.get_mechanisms())
    except (CryptokiError, pkcs11.PKCS11Error) as error:
        refused = error
    else:
        return OpenToken(library, session, state, mechanisms)
    with suppress(pkcs11.PKCS11Error):
        session.close()
    raise _refused(token, state, refused)


def _refused(token: Any, state: TokenState, error: Exception) -> HsmError:
    reason = reason_of(error)
    if reason in _WRONG:
        return _wrong_pin(token, state)
    if reason == "PinLocked":
        return _locked(state.place)
    if reason == "PinExpired":
        return HsmPinError(
            Text("PIN 已到期，须先更换", "the PIN has expired and must be changed first"),
            where=state.place,
            hint=Text("用厂商工具更换 PIN", "change it with the maker's program"),
        )
    if reason in ("UserAlreadyLoggedIn", "AnotherUserAlreadyLoggedIn"):
        return HsmError(
            Text("本程序已登录该令牌", "this program is logged in to that token already"),
            where=state.place,
            hint=Text("先关闭前一个连接", "close the first connection before"),
        )
    return hsm_error(error, state.place)


def _wrong_pin(token: Any, before: TokenState) -> HsmError:
    """One wrong PIN was given, and no second one will be: how does the token stand now?"""
    try:
        state = state_of(token.slot.get_token())
    except pkcs11.PKCS11Error:
        state = before
    if state.locked:
        return _locked(before.place)
    if state.final_try:
        left = Text("只剩最后一次尝试", "one last try is left")
    elif state.count_low:
        left = Text("令牌已记下一次错误", "the token has counted it")
    else:
        left = Text("令牌未说明剩余次数", "the token does not tell how many tries are left")
    return HsmPinError(
        Text(f"加密机 PIN 错误；{left.zh}", f"the PIN of the HSM is wrong; {left.en}"),
        where=before.place,
        hint=Text(
            "核对后由本人输入；程序不会自动重试",
            "make sure of it and type it; nothing is tried again by itself",
        ),
    )


def _locked(place: str) -> HsmPinError:
    return HsmPinError(
        Text("加密机 PIN 已锁定", "the PIN of the HSM is locked"), where=place, hint=_SEE_MAKER
    )


def _require_tries(state: TokenState, *, typed: bool, allow_last_try: bool) -> None:
    if not state.pin_set:
        raise HsmPinError(
            Text("令牌还没有用户 PIN", "the token has no user PIN yet"),
            where=state.place,
            hint=Text(
                "用厂商工具以安全官 PIN 设置用户 PIN",
                "set one with the SO PIN, by the maker's program",
            ),
        )
    if state.locked:
        raise _locked(state.place)
    if state.final_try and not allow_last_try:
        raise HsmPinError(
            Text(
                "PIN 只剩最后一次尝试，未予尝试",
                "one last try of the PIN is left; it was not used",
            ),
            where=state.place,
            hint=Text(
                "用厂商工具登录一次，或用安全官 PIN 重设",
                "log in once with the maker's program, or set the PIN anew with the SO PIN",
            ),
        )
    if state.count_low and not typed:
        raise HsmPinError(
            Text(
                "先前有人输错 PIN；存储的 PIN 未予尝试，以免锁定令牌",
                "a wrong PIN was given before; the stored one was not tried, so that nothing "
                "gets locked",
            ),
            where=state.place,
            hint=Text(
                "不设 SSCARD_HSM_PIN，由本人输入一次正确的 PIN",
                "unset SSCARD_HSM_PIN and type the right PIN once",
            ),
        )


def _mapper() -> AttributeMapper:
    """Labels of others' objects may be in any code; python-pkcs11 takes all for UTF-8."""
    mapper = AttributeMapper()
    mapper.register_handler(
        Attribute.LABEL, lambda text: text.encode(), lambda label: label.decode(errors="replace")
    )
    return mapper
