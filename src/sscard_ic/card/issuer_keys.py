"""Which keys of a profile the issuer's commands need (ref 01 §10.1, 11 §5.2)."""

from __future__ import annotations

from sscard_ic.base.errors import InputError, Text
from sscard_ic.profile import CardProfile


def maintenance_key(profile: CardProfile, directory: str) -> str:
    """The key of a directory that computes MACs: STK, STKDFxx.

    Raises :class:`InputError` when the profile has none there.
    """
    for name, key in profile.structure.keys_of(directory).items():
        if key.use == "mac":
            return name
    raise InputError(
        Text(
            f"{directory} 没有应用维护密钥（STK），不能使用带 MAC 的命令",
            f"{directory} has no maintenance key (STK), so no commands with a MAC",
        ),
        where=profile.name,
    )


def lock_key(profile: CardProfile, directory: str) -> str | None:
    """The key whose state locks a directory: BK, LKDFxx; None where nothing but a MAC is asked."""
    keys = profile.structure.keys_of(directory).items()
    return next((name for name, key in keys if key.role == "lock"), None)


def unlocking_key(profile: CardProfile) -> str:
    """The key that lets the PIN be unblocked or set anew: PUK.

    Raises :class:`InputError` when the profile has none.
    """
    directory = profile.structure.pin_directory
    for name, key in profile.structure.keys_of(directory).items():
        if key.role == "unlock_pin":
            return name
    raise InputError(
        Text(
            "卡规范没有解锁密码的密钥（PUK）", "the profile has no key that unlocks the PIN (PUK)"
        ),
        where=profile.name,
        hint=Text("此类卡的密码不能解锁或重置", "PINs of such cards are not unblocked or reset"),
    )
