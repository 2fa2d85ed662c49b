"""Tokens: finding the one that is meant, and the one that somebody is logged in to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pkcs11
from pkcs11 import TokenFlag

from sscard_ic.base.errors import Text
from sscard_ic.keys.pkcs11.cryptoki import Cryptoki
from sscard_ic.keys.pkcs11.errors import CryptokiError, HsmError, hsm_error
from sscard_ic.keys.pkcs11.library import Library, load_library
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings


@dataclass(frozen=True, slots=True)
class TokenState:
    """A token as it tells about itself without a PIN."""

    label: str
    serial: str
    model: str
    slot: int
    initialised: bool
    pin_set: bool
    count_low: bool
    """A wrong PIN was given since the last right one."""
    final_try: bool
    locked: bool
    read_only: bool

    @property
    def place(self) -> str:
        """Its name in errors, as RFC 7512 writes it."""
        return f"pkcs11:token={self.label};serial={self.serial}"


class OpenToken:
    """A token with the user logged in; threads may share it.

    Everything that is asked of it is asked inside :meth:`calling`.
    """

    def __init__(
        self, library: Library, session: Any, state: TokenState, mechanisms: frozenset[int]
    ) -> None:
        self._library = library
        self._session = session
        self._closed = False
        self.state = state
        self.mechanisms = mechanisms
        """The numbers of what it can do."""

    @property
    def place(self) -> str:
        """Its name in errors."""
        return self.state.place

    @property
    def functions(self) -> Cryptoki:
        """What computes with keys."""
        return self._library.functions

    @property
    def session(self) -> Any:
        """What finds, makes and removes objects."""
        return self._session

    @property
    def handle(self) -> int:
        """The session by number."""
        return int(self._session.handle)

    def require_present(self) -> None:
        """Raise :class:`HsmError` when the token is not there any more: objects then seem gone."""
        with self.calling():
            self._session.token.slot.get_token()

    @contextmanager
    def calling(self) -> Iterator[None]:
        """No other thread calls meanwhile; what the library refuses becomes an :class:`HsmError`.

        May be nested.
        """
        with self._library.lock:
            if self._closed:
                raise HsmError(
                    Text("已与加密机断开", "the HSM was closed"),
                    where=self.place,
                    hint=Text("重新打开后再用", "open it again"),
                )
            try:
                yield
            except (pkcs11.PKCS11Error, CryptokiError) as error:
                failure = hsm_error(error, self.place)
            else:
                return
        raise failure

    def close(self) -> None:
        """Log out; further calls do nothing."""
        with self._library.lock:
            if self._closed:
                return
            self._closed = True
            # A token that is gone has nobody logged in any more.
            with suppress(CryptokiError):
                self.functions.logout(self.handle)
            with suppress(pkcs11.PKCS11Error):
                self._session.close()


def token_state(settings: Pkcs11Settings) -> TokenState:
    """The token that ``settings`` mean, as it is now; nobody logs in. Raises :class:`HsmError`."""
    library = load_library(settings.module)
    with library.lock:
        _, state = the_token(library, settings)
        return state


def the_token(library: Library, settings: Pkcs11Settings) -> tuple[Any, TokenState]:
    """The only initialised token that agrees with the settings."""
    tokens = _tokens(library, settings)
    found = [pair for pair in tokens if _agrees(pair[1], settings)]
    ready = [pair for pair in found if pair[1].initialised]
    if len(ready) == 1:
        return ready[0]
    listed = "; ".join(
        f"{state.label} (serial {state.serial}, slot {state.slot})"
        for _, state in tokens
        if state.initialised
    )
    there = Text(f"现有：{listed or '无'}", f"there are: {listed or 'none'}")
    place, asked = str(settings.module), _described(settings)
    if ready:
        raise HsmError(
            Text(f"有几个令牌{asked.zh}", f"there are several tokens{asked.en}"),
            where=place,
            hint=Text(f"在设置中写明 token_serial；{there.zh}", f"set token_serial; {there.en}"),
        )
    if found and settings.slot is not None:
        raise HsmError(
            Text(
                f"槽位 {settings.slot} 的令牌尚未初始化",
                f"the token in slot {settings.slot} is not initialised",
            ),
            where=place,
            hint=Text(
                f"先用厂商工具初始化；{there.zh}",
                f"initialise it with the maker's program; {there.en}",
            ),
        )
    what = Text(f"没有令牌{asked.zh}", f"there is no token{asked.en}")
    raise HsmError(what, where=place, hint=there)


def _described(settings: Pkcs11Settings) -> Text:
    asked = {
        "token_label": settings.token_label,
        "token_serial": settings.token_serial,
        "slot": settings.slot,
    }
    words = ", ".join(f"{name} = {value}" for name, value in asked.items() if value is not None)
    return Text(f"（{words}）", f" with {words}") if words else Text("", "")


def _agrees(state: TokenState, settings: Pkcs11Settings) -> bool:
    return (
        settings.token_label in (None, state.label)
        and settings.token_serial in (None, state.serial)
        and settings.slot in (None, state.slot)
    )


def _tokens(library: Library, settings: Pkcs11Settings) -> list[tuple[Any, TokenState]]:
    try:
        slots = library.managed.get_slots(token_present=True)
    except pkcs11.PKCS11Error as error:
        failure = hsm_error(error, str(settings.module))
    else:
        return [pair for slot in slots if (pair := _token_in(slot)) is not None]
    raise failure


def _token_in(slot: Any) -> tuple[Any, TokenState] | None:
    """The token in a slot; None where it was pulled out, or cannot be read: it is not there."""
    try:
        token = slot.get_token()
    except pkcs11.PKCS11Error:
        return None
    return token, state_of(token)


def state_of(token: Any) -> TokenState:
    """What a token of python-pkcs11 tells, as it was when it was found."""
    flags = token.flags

    def has(flag: TokenFlag) -> bool:
        return bool(flags & flag)

    return TokenState(
        label=token.label,
        serial=token.serial.decode("ascii", "replace"),
        model=token.model,
        slot=token.slot.slot_id,
        initialised=has(TokenFlag.TOKEN_INITIALIZED),
        pin_set=has(TokenFlag.USER_PIN_INITIALIZED),
        count_low=has(TokenFlag.USER_PIN_COUNT_LOW),
        final_try=has(TokenFlag.USER_PIN_FINAL_TRY),
        locked=has(TokenFlag.USER_PIN_LOCKED),
        read_only=has(TokenFlag.WRITE_PROTECTED),
    )
