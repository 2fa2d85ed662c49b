"""``sscard cert load``: certificates from the authority into the card."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sscard_ic.base.clock import SystemClock
from sscard_ic.base.errors import SscardError, Text
from sscard_ic.card import ControlKeyRefused, WrongCertificatePin
from sscard_ic.cli.cert_card import CERTIFICATES, card_of, profile_option, require_same
from sscard_ic.cli.cert_files import read_input
from sscard_ic.cli.cert_holder import holder_of_card, holder_of_file, holder_option
from sscard_ic.cli.cert_keeping import place_of, some_ledger
from sscard_ic.cli.cert_trust import (
    answer_form,
    certificates_settings,
    environment_of,
    request_form,
    trust_option,
    trusted_certificates,
)
from sscard_ic.cli.common import json_option, print_json, say
from sscard_ic.cli.dump import chosen_profile
from sscard_ic.cli.key_options import KeySource, psam_option
from sscard_ic.cli.ledgers import ledger_option
from sscard_ic.cli.readers import reader_option
from sscard_ic.cli.secrets import (
    certificate_pin,
    control_key,
    given_admin_pin,
    pin_file_option,
    vault_option,
)
from sscard_ic.hosts.authority_answers import AnswerReader
from sscard_ic.hosts.authority_opening import open_authority
from sscard_ic.hosts.certificate_authority import CertificateAuthority, CertificateRequest
from sscard_ic.issuance.certificate_locks import CardLock
from sscard_ic.issuance.certifying import CertificateReport
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin
from sscard_ic.ledger import Ledger
from sscard_ic.lifecycle import certificates as lifecycle
from sscard_ic.lifecycle.certificates import AskedCard, Terms
from sscard_ic.lifecycle.kept_grants import GrantPlace, KeptGrant
from sscard_ic.profile import CardProfile
from sscard_ic.profile.certificate import CertificateApplication as Model

_LONGEST_ANSWER = 64 * 1024
_OTHER_LOCK = Text(
    "卡的管理员 PIN 和主控密钥由上次写入证书者保管：用其台账（--ledger），或设 SSCARD_ADMIN_PIN、"
    "SSCARD_CONTROL_KEY；不要反复尝试",
    "whoever loaded the last certificates has administrator PIN and control key of the card: name "
    "that ledger with --ledger, or set SSCARD_ADMIN_PIN, SSCARD_CONTROL_KEY; do not repeat it",
)


@click.command("load")
@click.option(
    "--answer",
    "answer_file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="An authority's answer to `cert request`, JSON with the fields of "
    "[certificates.http.answer] 证书机构的应答; nobody is asked then.",
)
@holder_option
@trust_option
@reader_option
@profile_option
@ledger_option
@vault_option
@psam_option
@pin_file_option
@json_option
def load_command(
    answer_file: Path | None,
    holder_file: Path | None,
    trust: tuple[Path, ...],
    reader: str | None,
    profile_name: str | None,
    ledger_file: Path | None,
    vault: Path | None,
    psam: str | None,
    pin_file: Path | None,
    as_json: bool,
) -> None:
    """Load certificates 写入证书: both, the encryption key, new administrator PIN and control keys.

    Asks the authority of sscard.toml, for test cards the test CA unless it names another. What it
    grants is checked, and kept sealed before the card is touched: in the ledger where that knows
    the card, else in a file under SSCARD_HOME. After an interruption run it again. Whoever holds
    the card is read from it with the key service or --psam, or comes from a file with --from.

    The user PIN comes from a prompt, a file, or SSCARD_PIN. Present administrator PIN and control
    key are known where they are kept; else SSCARD_ADMIN_PIN, SSCARD_CONTROL_KEY, or a prompt.
    """
    answer = None if answer_file is None else read_input(answer_file, _LONGEST_ANSWER)
    with closing(KeySource(vault, psam, with_service=True)) as keys:
        keys.unlock()
        pin = certificate_pin("user", pin_file)
        with some_ledger(ledger_file, keys.opened) as ledger:
            desk = _Desk(reader, profile_name, keys, ledger, pin)
            look = desk.look(holder_file, trust, ask=answer is None)
            kept, resumed = _grant(look, answer, str(answer_file or ""))
            report = desk.load(look, kept, again=resumed)
    _tell(look, report, pin, resumed=resumed, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found before anybody was asked."""

    profile: CardProfile
    terms: Terms
    asked: AskedCard
    place: GrantPlace
    kept: KeptGrant | None
    authority: CertificateAuthority | None
    """Who is asked; None where an answer is there already."""


@dataclass(frozen=True, slots=True)
class _Desk:
    """The reader with the card, twice: nobody is asked anything while a card is in use."""

    reader: str | None
    profile_name: str | None
    keys: KeySource
    ledger: Ledger | None
    pin: CertificatePin

    def look(self, holder_file: Path | None, trust: tuple[Path, ...], *, ask: bool) -> _Look:
        """Who holds the card, which key it has, what is kept for it, and whom to ask.

        A card without key pair generates one in the end, when nothing else is wrong.
        """
        with self.keys.session(self.reader, access="exclusive") as connection:
            profile = chosen_profile(connection, self.profile_name)
            if holder_file is None:
                holder = holder_of_card(connection, profile, self.keys.service(profile))
            else:
                holder = holder_of_file(holder_file, request_form(), profile)
            card = card_of(connection, profile)
            place = place_of(self.ledger, self.keys.opened, card.serial)
            kept = place.find()
            trusted = trusted_certificates(trust, profile)
            authority = _authority(profile, card.model) if ask else None
            asked = lifecycle.ask_card(card.application, card.serial, self.pin, generate=ask)
        terms = Terms(card.model, holder, trusted, SystemClock().now())
        return _Look(profile, terms, asked, place, kept, authority)

    def load(self, look: _Look, kept: KeptGrant, *, again: bool) -> CertificateReport:
        """Load what is kept into the same card."""
        try:
            with self.keys.session(self.reader, access="exclusive") as connection:
                card = card_of(connection, look.profile)
                require_same(look.asked.serial, card.serial)
                return lifecycle.load(
                    card.application, look.place, kept, look.terms, self.pin, again=again
                )
        except SscardError as error:
            if _is_other_lock(error):
                error.hint = _OTHER_LOCK
            say(
                Text(
                    f"证书已保存在 {look.place.place}，但没有全部写入；再次运行即继续。",
                    f"The certificates are kept in {look.place.place}, and not loaded whole; "
                    "run the command again to continue.",
                )
            )
            raise


def _authority(profile: CardProfile, model: Model) -> CertificateAuthority:
    """The authority of the settings for such cards; nothing is sent yet."""
    settings = certificates_settings()
    return open_authority(settings, environment_of(profile), contents=model.contents)


def _is_other_lock(error: SscardError) -> bool:
    """Whether administrator PIN or control key of the card is another one, and not locked."""
    if isinstance(error, WrongCertificatePin):
        return error.pin == "admin" and error.tries_left != 0
    return isinstance(error, ControlKeyRefused) and error.tries_left != 0


def _grant(look: _Look, answer: bytes | None, where: str) -> tuple[KeptGrant, bool]:
    """What is to be loaded, and whether that was begun before."""
    resumed = lifecycle.unfinished(look.kept, look.asked, look.terms)
    locks = _locks(look)
    if resumed is not None and answer is None:
        say(Text("继续上次未完成的写入。", "Going on with what was begun before."))
        return resumed.with_earlier(locks), True

    def ask(request: CertificateRequest) -> CertificateGrant:
        if answer is not None:
            return AnswerReader(answer_form(), request, where).grant(answer)
        assert look.authority is not None, "without an answer somebody is asked"
        name = look.authority.name
        say(Text(f"向 {name} 申请证书", f"asking {name} for certificates"))
        return look.authority.register(request)

    kept = lifecycle.obtain(ask, look.place, look.asked, look.terms, locks)
    # An answer that was given before may be in the card in part.
    again = look.kept is not None and not look.kept.loaded and look.kept.grant == kept.grant
    return kept, again


def _locks(look: _Look) -> Sequence[CardLock]:
    """What the card may be locked with now, likeliest first.

    Where nothing is kept for a card that bears certificates, somebody has to say it; a test card
    then has the published values unless the environment says otherwise.
    """
    kept, model = look.kept, look.terms.model
    pin, key = given_admin_pin(), control_key(ask=False)
    strange = kept is None and look.asked.bears_certificates
    if strange and environment_of(look.profile) == "production":
        pin = pin or certificate_pin("admin")
        key = key or control_key(ask=True)
    known = (CardLock.initial(model),) if kept is None else kept.locks
    if pin is None and key is None:
        return known
    first = CardLock(pin or known[0].admin_pin, key or known[0].control_key)
    return (first, *known) if kept is not None else (first,)


def _tell(
    look: _Look,
    report: CertificateReport,
    pin: CertificatePin,
    *,
    resumed: bool,
    as_json: bool,
) -> None:
    initial = pin == CertificatePin.of(look.terms.model.initial_pin("user"))
    pair = {"signature": report.signature, "encryption": report.encryption}
    if as_json:
        told: dict[str, Any] = {
            purpose: {
                "serial": certificate.number,
                "not_before": certificate.not_before.isoformat(),
                "not_after": certificate.not_after.isoformat(),
            }
            for purpose, certificate in pair.items()
        }
        print_json(
            {
                "loaded": True,
                "resumed": resumed,
                "kept": look.place.place,
                "initial_user_pin": initial,
                **told,
                "profile": look.profile.name,
            }
        )
        return
    for purpose, words in CERTIFICATES.items():
        certificate = pair[purpose]
        day = f"{certificate.not_after:%Y-%m-%d}"
        say(
            Text(
                f"{words.zh} {certificate.number}，有效期至 {day}",
                f"{words.en} {certificate.number}, valid until {day}",
            )
        )
    place = look.place.place
    say(
        Text(
            f"证书已写入并核验；管理员 PIN 和主控密钥已更换，保存在 {place}。",
            "The certificates are loaded and proved. Administrator PIN and control keys are new, "
            f"and kept in {place}.",
        )
    )
    if initial:
        say(
            Text(
                "用户 PIN 仍是公开的初始 PIN，请持卡人修改：sscard cert pin",
                "The user PIN is still the published initial one; the holder changes it with: "
                "sscard cert pin",
            )
        )
