"""``sscard bank pool``: key pairs of cards made ahead, so that preparing a batch does not wait."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sscard_ic.base.errors import Text
from sscard_ic.base.resources import home_dir
from sscard_ic.cli.bank_card import bank_model, bank_profile_option
from sscard_ic.cli.common import json_option, print_json, say, tr
from sscard_ic.cli.progress import progress
from sscard_ic.cli.secrets import open_keys, vault_option

if TYPE_CHECKING:
    from sscard_ic.issuance.bank.key_pool import KeyPool
    from sscard_ic.keys import KeyService

_FOLDER = "card-keys"


def card_key_pool(service: KeyService) -> KeyPool:
    """The pool under ``SSCARD_HOME``; what is in it was sealed by this key service."""
    from sscard_ic.issuance.bank.key_pool import KeyPool

    return KeyPool(home_dir() / _FOLDER, service.sealer())


@click.command("pool")
@click.option("--count", type=click.IntRange(0, 100_000), default=0, help="Make so many 生成数量.")
@bank_profile_option
@vault_option
@json_option
def pool_command(count: int, profile_name: str | None, vault: Path | None, as_json: bool) -> None:
    """Make key pairs of cards ahead 预生成卡密钥对, sealed under SSCARD_HOME; or count them.

    A card of the bank's application takes one of each algorithm of its profile when its batch is
    prepared; no key is given to two cards. Where the pool is empty they are made then.
    """
    signing = bank_model(profile_name).plan.signing
    with closing(open_keys(vault)) as service:
        pool = card_key_pool(service)
        kinds = 0 if not count else len(signing.algorithms)
        with progress(tr("密钥对", "key pairs"), count * kinds) as bar:
            if count and "3des" in signing.algorithms:
                pool.fill_rsa(count, signing.rsa_bits, signing.exponent, bar)
            if count and "sm4" in signing.algorithms:
                pool.fill_sm2(count, bar)
        rsa, sm2 = pool.left(signing.rsa_bits, signing.exponent), pool.left_sm2()
    if as_json:
        print_json({"rsa_bits": signing.rsa_bits, "rsa": rsa, "sm2": sm2})
        return
    say(
        Text(
            f"密钥池中有 RSA-{signing.rsa_bits} 密钥对 {rsa} 个、SM2 密钥对 {sm2} 个",
            f"the pool has {rsa} RSA-{signing.rsa_bits} key pairs and {sm2} SM2 key pairs",
        )
    )
