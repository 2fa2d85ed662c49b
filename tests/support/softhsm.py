"""SoftHSM 2 as the HSM of tests: throw-away tokens, prepared and filled, and faults on demand.

    with closing(open_softhsm(roots)) as service: ...

``open_softhsm(roots, *, derived_keys="host", settings=None) -> Pkcs11Service`` makes a new token
in this process, prepares it for test keys, writes ``roots`` (:class:`RootKey`, for example those
of :func:`published_roots`) into it and gives the opened service; whoever called it closes it.
Roots of SM4 are left out unless the settings give its numbers, for SoftHSM has no SM4.
``new_token()`` makes an empty token; ``reopen(service)`` opens that of a closed service again;
``removed(label)`` takes one away for a while; ``answering`` and ``telling_flags`` make the library
itself misbehave, below everything that is tested.

SoftHSM reads its settings once, when a process loads it. So each process has one folder of tokens,
which is removed when the process ends; every token has a label of its own and ``USER_PIN``.
``SOFTHSM2_CONF`` is set for the processes that tests start, too: they see the same tokens.
"""

from __future__ import annotations

import atexit
import ctypes
import itertools
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar, overload

import pkcs11

from sscard_ic.base import Secret
from sscard_ic.crypto.published import published_test_key
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.inventory import KeyInfo
from sscard_ic.keys.pkcs11.cryptoki import FUNCTIONS, FunctionList
from sscard_ic.keys.pkcs11.host import Pkcs11HostService
from sscard_ic.keys.pkcs11.mechanisms import Ciphers
from sscard_ic.keys.pkcs11.opening import create_service, open_service
from sscard_ic.keys.pkcs11.service import Pkcs11Service
from sscard_ic.keys.pkcs11.settings import DerivedKeys, Pkcs11Settings

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
_LIBRARY = str(MODULE.resolve())
"""As the package loads it: python-pkcs11 takes another path for another library."""
USER_PIN = Secret(b"246813")
SO_PIN = "97531864"

_SETTINGS = """directories.tokendir = {folder}
objectstore.backend = file
log.level = ERROR
slots.removable = false
"""
_numbers = itertools.count(1)
Result = TypeVar("Result")


@cache
def token_folder() -> Path:
    """The folder of this process's tokens; SoftHSM is told of it."""
    # In memory where there is such a folder: SoftHSM waits for the disk with every object.
    memory = Path("/dev/shm")
    home = Path(tempfile.mkdtemp(prefix="softhsm-", dir=memory if memory.is_dir() else None))
    atexit.register(_remove, home, os.getpid())
    folder = home / "tokens"
    folder.mkdir()
    (home / "softhsm2.conf").write_text(_SETTINGS.format(folder=folder))
    os.environ["SOFTHSM2_CONF"] = str(home / "softhsm2.conf")
    library = pkcs11.lib(_LIBRARY)
    library.reinitialize()  # in case something loaded it before
    return folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # and not in a process that was forked off
        shutil.rmtree(folder, ignore_errors=True)


def new_token(*, pin: Secret | None = USER_PIN, label: str = "") -> str:
    """The label of a new, empty token, its own or a given one; ``pin`` None: none is set."""
    token_folder()
    label = label or f"test-{os.getpid()}-{next(_numbers)}"
    library = pkcs11.lib(_LIBRARY)
    free = next(
        slot
        for slot in library.get_slots()
        if not slot.get_token().flags & pkcs11.TokenFlag.TOKEN_INITIALIZED
    )
    initialise = ctypes.CDLL(_LIBRARY).C_InitToken
    number, padded = ctypes.c_ulong(free.slot_id), label.encode().ljust(32)
    code = initialise(number, SO_PIN.encode(), ctypes.c_ulong(len(SO_PIN)), padded)
    assert code == 0, hex(code)
    if pin is not None:
        with free.get_token().open(rw=True, so_pin=SO_PIN) as session:
            session.init_pin(pin.reveal().decode())
    return label


def softhsm_settings(label: str, derived_keys: DerivedKeys = "host") -> Pkcs11Settings:
    """The settings of one token of SoftHSM."""
    return Pkcs11Settings(module=MODULE, token_label=label, derived_keys=derived_keys)


@overload
def open_softhsm(
    roots: Iterable[RootKey],
    *,
    derived_keys: Literal["host"] = "host",
    settings: Pkcs11Settings | None = None,
) -> Pkcs11HostService: ...
@overload
def open_softhsm(
    roots: Iterable[RootKey],
    *,
    derived_keys: DerivedKeys,
    settings: Pkcs11Settings | None = None,
) -> Pkcs11Service: ...
def open_softhsm(
    roots: Iterable[RootKey],
    *,
    derived_keys: DerivedKeys = "host",
    settings: Pkcs11Settings | None = None,
) -> Pkcs11Service:
    """A new token with these test roots, opened.

    ``settings``: what else is to be as in them; module and token are those of SoftHSM.
    """
    wanted = softhsm_settings(new_token(), derived_keys)
    if settings is not None:
        taken = {"module": MODULE, "token_label": wanted.token_label}
        wanted = settings.model_copy(update=taken)
    missing = Ciphers(wanted).unset
    return create_service(
        wanted, USER_PIN, roots=[root for root in roots if root.algorithm not in missing]
    )


def reopen(service: Pkcs11Service) -> Pkcs11Service:
    """The token of a closed service, opened again."""
    return open_service(service.settings, USER_PIN)


def published_roots(infos: Iterable[KeyInfo]) -> list[RootKey]:
    """The published test keys of an inventory, as that of a test vault, with their bits."""
    return [
        RootKey.of(
            info,
            Secret(
                published_test_key(
                    info.name,
                    info.version,
                    info.length,
                    "sm4" if info.algorithm == "sm4" else "3des",
                )
            ),
            info.created,
            "published",
        )
        for info in infos
        if info.created is not None and info.algorithm != "aes"
    ]


def token_files(label: str) -> Path:
    """The folder where SoftHSM keeps a token."""
    serial = pkcs11.lib(_LIBRARY).get_token(token_label=label).serial.decode()
    # A folder is named like a UUID, and its end is the serial number.
    return next(
        folder
        for folder in token_folder().iterdir()
        if folder.name.replace("-", "").endswith(serial)
    )


@contextmanager
def removed(label: str) -> Iterator[None]:
    """Take a token away, as somebody pulls one out; it is back afterwards.

    SoftHSM knows it no more then, not even when it is back, until the library is initialised again
    (:func:`forget`): do this in a process of its own.
    """
    place = token_files(label)
    aside = token_folder().parent / f"{place.name}.aside"
    place.rename(aside)
    try:
        yield
    finally:
        aside.rename(place)


def forget() -> None:
    """Initialise the library again: every session ends, and every token is looked for anew."""
    pkcs11.lib(_LIBRARY).reinitialize()


def in_a_process_of_its_own(work: Callable[..., Result], *given: object) -> Result:
    """What ``work`` gives, done by a fresh process with tokens of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


class Answers:
    """What a function of the library was made to do."""

    def __init__(self) -> None:
        self.calls = 0


_Any = ctypes.CFUNCTYPE(ctypes.c_ulong, *(8 * [ctypes.c_void_p]))
"""Any function of PKCS#11: none has more arguments, and each is a number or a pointer."""


def _functions() -> FunctionList:
    pointer = ctypes.POINTER(FunctionList)()
    assert ctypes.CDLL(_LIBRARY).C_GetFunctionList(ctypes.byref(pointer)) == 0
    return pointer.contents


@contextmanager
def _replaced(
    name: str, wrapper: Callable[[Callable[..., int]], Callable[..., int]]
) -> Iterator[None]:
    assert name in FUNCTIONS
    place = ctypes.c_void_p.from_address(
        ctypes.addressof(_functions()) + getattr(FunctionList, name).offset
    )
    own = place.value
    assert own is not None
    stand_in = _Any(wrapper(_Any(own)))
    place.value = ctypes.cast(stand_in, ctypes.c_void_p).value
    try:
        yield
    finally:
        place.value = own


@contextmanager
def answering(name: str, code: int, *, after: int = 0) -> Iterator[Answers]:
    """The function ``name`` (C_…) returns ``code`` and does nothing, but for the first calls."""
    answers = Answers()

    def wrapper(own: Callable[..., int]) -> Callable[..., int]:
        def stand_in(*arguments: int | None) -> int:
            answers.calls += 1
            return own(*arguments) if answers.calls <= after else code

        return stand_in

    with _replaced(name, wrapper):
        yield answers


@contextmanager
def giving_less(name: str) -> Iterator[None]:
    """C_Encrypt or C_Sign says that its answer is one byte shorter than it is."""

    def wrapper(own: Callable[..., int]) -> Callable[..., int]:
        def stand_in(*arguments: int | None) -> int:
            code = own(*arguments)
            if arguments[4] is not None:
                ctypes.c_ulong.from_address(arguments[4]).value -= 1
            return code

        return stand_in

    with _replaced(name, wrapper):
        yield


@contextmanager
def telling_flags(flags: pkcs11.TokenFlag) -> Iterator[None]:
    """Every token tells ``flags`` besides its own."""

    def wrapper(own: Callable[..., int]) -> Callable[..., int]:
        def stand_in(*arguments: int | None) -> int:
            code = own(*arguments)
            if code == 0 and arguments[1] is not None:
                told = ctypes.c_ulong.from_address(arguments[1] + _FLAGS)
                told.value |= int(flags)
            return code

        return stand_in

    with _replaced("C_GetTokenInfo", wrapper):
        yield


_FLAGS = 96
"""Where CK_TOKEN_INFO has its flags: after label 32, maker 32, model 16, serial number 16."""
