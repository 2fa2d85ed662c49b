"""Finding a token and logging in: each mistake one clear error, and no try of the PIN too many."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import TokenFlag
from tests.support.softhsm import (
    MODULE,
    SO_PIN,
    USER_PIN,
    answering,
    new_token,
    softhsm_settings,
    telling_flags,
)

from sscard_ic.base import Secret
from sscard_ic.keys.pkcs11.errors import HsmError, HsmPinError
from sscard_ic.keys.pkcs11.login import open_token
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.keys.pkcs11.token import token_state

WRONG = Secret(b"864200")


@pytest.fixture(scope="module")
def empty() -> Pkcs11Settings:
    """A token that nobody has given a wrong PIN."""
    return softhsm_settings(new_token())


@pytest.fixture
def fresh() -> Pkcs11Settings:
    """A token of its own for a wrong PIN."""
    return softhsm_settings(new_token())


def state_after(settings: Pkcs11Settings, pin: Secret, *, typed: bool = False) -> str:
    """What the error says when ``pin`` is given."""
    with pytest.raises(HsmPinError) as caught:
        open_token(settings, pin, typed=typed)
    assert caught.value.where.startswith("pkcs11:token=")
    assert caught.value.hint is not None
    return caught.value.what.en


class TestLibrary:
    def test_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(HsmError, match="there is no such PKCS#11 library"):
            open_token(Pkcs11Settings(module=tmp_path / "libhsm.so"), USER_PIN)

    def test_that_is_text(self, tmp_path: Path) -> None:
        module = tmp_path / "libhsm.so"
        module.write_text(100 * "no library\n")
        with pytest.raises(HsmError, match=r"not a PKCS#11 library that works: .*invalid ELF"):
            open_token(Pkcs11Settings(module=module), USER_PIN)

    def test_that_is_for_something_else(self) -> None:
        other = Path(os.__file__).parent / "lib-dynload"
        module = next(other.glob("_struct*.so"), None) or next(other.glob("*.so"))
        with pytest.raises(HsmError, match="not a PKCS#11 library that works"):
            open_token(Pkcs11Settings(module=module), USER_PIN)

    def test_that_fails(self, empty: Pkcs11Settings) -> None:
        with (
            answering("C_GetSlotList", 0x05),
            pytest.raises(HsmError, match=r"does not answer any more.*GeneralError"),
        ):
            open_token(empty, USER_PIN)


class TestToken:
    def test_by_label_serial_and_slot(self, empty: Pkcs11Settings) -> None:
        state = token_state(empty)
        assert state.label == empty.token_label
        assert state.initialised and state.pin_set
        assert not (state.locked or state.count_low or state.final_try or state.read_only)
        for settings in (
            Pkcs11Settings(module=MODULE, token_serial=state.serial),
            Pkcs11Settings(module=MODULE, slot=state.slot),
            Pkcs11Settings(module=MODULE, slot=state.slot, token_label=state.label),
        ):
            with closing(open_token(settings, USER_PIN)) as token:
                assert token.place == f"pkcs11:token={state.label};serial={state.serial}"

    def test_that_is_not_there(self, empty: Pkcs11Settings) -> None:
        with pytest.raises(HsmError) as caught:
            open_token(softhsm_settings("issuer"), USER_PIN)
        assert caught.value.what.en == "there is no token with token_label = issuer"
        assert caught.value.hint is not None
        assert f"{empty.token_label} (serial " in caught.value.hint.en

    def test_that_is_another_one(self, empty: Pkcs11Settings) -> None:
        slot = token_state(softhsm_settings(new_token())).slot
        both = empty.model_copy(update={"slot": slot})
        with pytest.raises(HsmError, match=f"no token with token_label = .*, slot = {slot}"):
            open_token(both, USER_PIN)

    def test_several(self, empty: Pkcs11Settings) -> None:
        with pytest.raises(HsmError, match="there are several tokens") as caught:
            open_token(Pkcs11Settings(module=MODULE), USER_PIN)
        assert "set token_serial; there are: " in str(caught.value)
        assert str(empty.token_label) in str(caught.value)

    def test_several_of_one_label(self) -> None:
        settings = softhsm_settings(new_token())
        serial = token_state(settings).serial
        new_token(label=str(settings.token_label))
        with pytest.raises(HsmError, match="several tokens with token_label") as caught:
            open_token(settings, USER_PIN)
        assert f"(serial {serial}" in str(caught.value)
        open_token(settings.model_copy(update={"token_serial": serial}), USER_PIN).close()

    def test_that_is_not_initialised(self, empty: Pkcs11Settings) -> None:
        free = next(
            slot.slot_id
            for slot in pkcs11.lib(str(MODULE.resolve())).get_slots()
            if not slot.get_token().flags & TokenFlag.TOKEN_INITIALIZED
        )
        with pytest.raises(HsmError, match=f"the token in slot {free} is not initialised"):
            open_token(Pkcs11Settings(module=MODULE, slot=free), USER_PIN)

    def test_in_use_by_this_program(self, empty: Pkcs11Settings) -> None:
        with (
            closing(open_token(empty, USER_PIN)),
            pytest.raises(HsmError, match="logged in to that token already"),
        ):
            open_token(empty, WRONG)
        open_token(empty, USER_PIN).close()

    def test_closed(self, empty: Pkcs11Settings) -> None:
        token = open_token(empty, USER_PIN)
        token.close()
        token.close()
        with pytest.raises(HsmError, match="the HSM was closed"), token.calling():
            raise AssertionError("nothing is called any more")


class TestPin:
    def test_wrong_once(self, fresh: Pkcs11Settings) -> None:
        """SoftHSM counts, and tells that somebody was wrong."""
        assert state_after(fresh, WRONG) == (
            "the PIN of the HSM is wrong; the token has counted it"
        )
        # No PIN from a file or variable is tried any more, not even the right one.
        with answering("C_Login", 0) as login:
            assert "a wrong PIN was given before" in state_after(fresh, USER_PIN)
        assert login.calls == 0
        open_token(fresh, USER_PIN, typed=True).close()
        open_token(fresh, USER_PIN).close()

    def test_tried_once_only(self, empty: Pkcs11Settings) -> None:
        with answering("C_Login", 0xA0) as login:
            state_after(empty, USER_PIN)
        assert login.calls == 1

    @pytest.mark.parametrize("typed", [False, True])
    def test_last_try(self, empty: Pkcs11Settings, typed: bool) -> None:
        with telling_flags(TokenFlag.USER_PIN_FINAL_TRY), answering("C_Login", 0xA0) as login:
            assert "one last try of the PIN is left; it was not used" in state_after(
                empty, USER_PIN, typed=typed
            )
            assert login.calls == 0
            with pytest.raises(HsmPinError, match="the PIN of the HSM is wrong; one last try"):
                open_token(empty, USER_PIN, typed=typed, allow_last_try=True)
        assert login.calls == 1

    def test_locked(self, empty: Pkcs11Settings) -> None:
        with telling_flags(TokenFlag.USER_PIN_LOCKED), answering("C_Login", 0) as login:
            assert state_after(empty, USER_PIN, typed=True) == "the PIN of the HSM is locked"
        assert login.calls == 0

    def test_locked_by_this_try(self, empty: Pkcs11Settings) -> None:
        with answering("C_Login", 0xA4):
            assert state_after(empty, USER_PIN) == "the PIN of the HSM is locked"

    def test_unknown_number_of_tries(self, empty: Pkcs11Settings) -> None:
        with answering("C_Login", 0xA2):
            assert "does not tell how many tries are left" in state_after(empty, USER_PIN)

    def test_gone_after_the_wrong_one(self, empty: Pkcs11Settings) -> None:
        with answering("C_GetTokenInfo", 0xE0, after=sys.maxsize) as asked:
            open_token(empty, USER_PIN).close()
        with (
            answering("C_Login", 0xA0),
            answering("C_GetTokenInfo", 0xE0, after=asked.calls) as again,
        ):
            assert "the PIN of the HSM is wrong" in state_after(empty, USER_PIN)
        assert again.calls == asked.calls + 1

    def test_expired(self, empty: Pkcs11Settings) -> None:
        with answering("C_Login", 0xA3):
            assert "must be changed first" in state_after(empty, USER_PIN)

    def test_not_set(self) -> None:
        settings = softhsm_settings(new_token(pin=None))
        assert state_after(settings, USER_PIN) == "the token has no user PIN yet"

    def test_not_kept(self, fresh: Pkcs11Settings) -> None:
        """Neither the error nor what it came from knows what was typed."""
        with pytest.raises(HsmPinError) as caught:
            open_token(fresh, WRONG)
        error: BaseException | None = caught.value
        while error is not None:
            told = repr(error) + str(error) + repr(error.args) + repr(vars(error))
            assert WRONG.reveal().decode() not in told
            assert SO_PIN not in told
            error = error.__context__

    @pytest.mark.parametrize("name", ["C_OpenSession", "C_Login", "C_GetMechanismList"])
    def test_token_that_goes(self, empty: Pkcs11Settings, name: str) -> None:
        with (
            answering(name, 0x32),
            pytest.raises(HsmError, match=r"token was removed \(DeviceRemoved\)"),
        ):
            open_token(empty, USER_PIN)
        open_token(empty, USER_PIN).close()


def test_settings_take_no_pin() -> None:
    assert not any("pin" in name for name in Pkcs11Settings.model_fields)


def test_write_protected(empty: Pkcs11Settings) -> None:
    with telling_flags(TokenFlag.WRITE_PROTECTED), closing(open_token(empty, USER_PIN)) as token:
        assert token.state.read_only
        assert not token.session.rw
