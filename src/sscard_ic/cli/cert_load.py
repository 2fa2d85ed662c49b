"""``sscard cert load``: certificates from the authority into the card."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sscard_ic.base.clock import SystemClock
from sscard_ic.base.errors import CardError, SscardError, Text
from sscard_ic.card import ControlKeyRefused, WrongCertificatePin, chip_serial
from sscard_ic.cli.cert_card import card_of, profile_option, require_same
from sscard_ic.cli.cert_files import read_input
from sscard_ic.cli.cert_holder import checked_holder, holder_of_card, holder_option
from sscard_ic.cli.cert_keeping import place_of, some_ledger
from sscard_ic.cli.cert_trust import (
    answer_form,
    certificates_settings,
    environment_of,
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
from sscard_ic.crypto.certificates import Certificate
from sscard_ic.hosts.authority_answers import AnswerReader
from sscard_ic.hosts.authority_opening import open_authority
from sscard_ic.hosts.certificate_authority import CertificateAuthority, CertificateRequest
from sscard_ic.issuance.certificate_locks import CardLock, KnownLocks, LockSearch, LockUnknown
from sscard_ic.issuance.certifying import CertificateReport
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey
from sscard_ic.ledger import Ledger
from sscard_ic.lifecycle import certificates as lifecycle
from sscard_ic.lifecycle.certificates import AskedCard, Terms
from sscard_ic.lifecycle.kept_grants import GrantPlace, KeptGrant, LedgerGrant
from sscard_ic.profile import CardProfile
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.certificate_words import CERTIFICATE_WORDS

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
@click.option(
    "--renew",
    is_flag=True,
    help="Even where the card bears valid certificates 换发: others for the same key pair.",
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
    renew: bool,
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
    Valid certificates on the card are replaced with --renew alone.

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
            renewed = _renews(look, renew=renew)
            kept, resumed = _grant(look, answer, str(answer_file or ""))
            report = desk.load(look, kept, again=resumed)
    _tell(look, report, pin, resumed=resumed, renewed=renewed, as_json=as_json)


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
            place = place_of(self.ledger, self.keys.opened, chip_serial(connection.atr))
            service = self.keys.service(profile)
            if holder_file is None:
                holder = holder_of_card(connection, profile, service)
            else:
                ordered = place.holder() if isinstance(place, LedgerGrant) else None
                holder = checked_holder(holder_file, ordered, connection, profile, service)
            card = card_of(connection, profile)
            trusted = trusted_certificates(trust, profile)
            authority = _authority(profile, card.model) if ask else None
            asked = lifecycle.ask_card(
                card.application,
                card.serial,
                self.pin,
                generate=ask,
                locks=_search(card.model, place),
            )
        terms = Terms(card.model, holder, trusted, SystemClock().now())
        return _Look(profile, terms, asked, place, place.find(), authority)

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
            where, numbers = look.place.words, _numbers(kept)
            said = Text(
                f"{numbers.zh}已保存在 {where.zh}，但没有全部写入",
                f"The {numbers.en} are kept in {where.en}, and not loaded whole",
            )
            if _is_lock(error):
                say(Text(f"{said.zh}。", f"{said.en}."))
                if not _is_locked(error):
                    error.hint = _OTHER_LOCK
            else:
                more = Text("；再次运行即继续。", "; run the command again to continue.")
                say(Text(said.zh + more.zh, said.en + more.en))
            raise


def _numbers(kept: KeptGrant) -> Text:
    """Both certificates by their serial numbers, for whoever has to have them revoked."""
    ders = {
        "signature": kept.grant.signature_certificate,
        "encryption": kept.grant.encryption_certificate,
    }
    each = [
        (words, Certificate.parse(ders[purpose]).number)
        for purpose, words in CERTIFICATE_WORDS.items()
    ]
    return Text(
        "、".join(f"{words.zh} {number}" for words, number in each),
        " and ".join(f"{words.en} {number}" for words, number in each),
    )


def _authority(profile: CardProfile, model: Model) -> CertificateAuthority:
    """The authority of the settings for such cards; nothing is sent yet."""
    settings = certificates_settings()
    return open_authority(settings, environment_of(profile), contents=model.contents)


def _is_lock(error: SscardError) -> bool:
    """Whether administrator PIN or control key of the card is another one, or locked."""
    if isinstance(error, WrongCertificatePin):
        return error.pin == "admin"
    return isinstance(error, LockUnknown | ControlKeyRefused)


def _is_locked(error: SscardError) -> bool:
    return isinstance(error, WrongCertificatePin | ControlKeyRefused) and error.tries_left == 0


def _search(model: Model, place: GrantPlace) -> LockSearch | Sequence[CardLock]:
    """What is known of the locks of a card before anybody is asked."""
    kept, pin = place.find(), given_admin_pin()
    if kept is not None:
        locks = kept.locks.stating(pin, None)
        return LockSearch(model, locks, lambda learnt: place.keep(kept.knowing(learnt)))
    return () if pin is None else LockSearch(model, _first_locks(model, pin, None))


def _renews(look: _Look, *, renew: bool) -> bool:
    """Whether valid certificates are replaced.

    Raises :class:`CardError` where that was not asked for; what was begun before may go on.
    """
    until = look.asked.valid_until(look.terms.at)
    if until is None or lifecycle.unfinished(look.kept, look.asked, look.terms) is not None:
        return False
    day = f"{until:%Y-%m-%d}"
    if not renew:
        raise CardError(
            Text(
                f"卡上已有有效证书（至 {day}）", f"the card bears valid certificates (until {day})"
            ),
            hint=Text(
                "确要换发请加 --renew；没有申请新证书，卡没有改动",
                "add --renew to replace them; nobody was asked, and the card is as it was",
            ),
        )
    say(
        Text(
            f"换发：卡上证书有效期至 {day}",
            f"renewing: the card bears certificates valid until {day}",
        )
    )
    return True


def _grant(look: _Look, answer: bytes | None, where: str) -> tuple[KeptGrant, bool]:
    """What is to be loaded, and whether that was begun before."""
    resumed = lifecycle.unfinished(look.kept, look.asked, look.terms)
    locks = _locks(look)
    if resumed is not None and answer is None:
        say(Text("继续上次未完成的写入。", "Going on with what was begun before."))
        return resumed.knowing(locks), True

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


def _locks(look: _Look) -> KnownLocks:
    """What the card may be locked with now.

    Where nothing is kept for a card that bears certificates, or what is kept was refused, somebody
    has to say it; a test card is asked for the published values once.
    """
    kept, model = look.kept, look.terms.model
    pin, key = given_admin_pin(), control_key(ask=False)
    strange = kept is None and look.asked.bears_certificates
    lost_pin = strange or (kept is not None and kept.locks.admin_pin.is_lost)
    lost_key = strange or (
        kept is not None and (kept.locks.application.is_lost or kept.locks.environment.is_lost)
    )
    if (lost_pin or lost_key) and environment_of(look.profile) == "production":
        pin = pin or (certificate_pin("admin") if lost_pin else None)
        key = key or (control_key(ask=True) if lost_key else None)
    return _first_locks(model, pin, key) if kept is None else kept.locks.stating(pin, key)


def _first_locks(model: Model, pin: CertificatePin | None, key: ControlKey | None) -> KnownLocks:
    """Those of a card that nothing is kept for: what is said, else what new cards have."""
    new = CardLock.initial(model)
    lock = CardLock(pin or new.admin_pin, key or new.control_key)
    return KnownLocks.of([lock]).stating(pin, key)


def _tell(
    look: _Look,
    report: CertificateReport,
    pin: CertificatePin,
    *,
    resumed: bool,
    renewed: bool,
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
                "renewed": renewed,
                "kept": look.place.place,
                "initial_user_pin": initial,
                **told,
                "profile": look.profile.name,
            }
        )
        return
    for purpose, words in CERTIFICATE_WORDS.items():
        certificate = pair[purpose]
        day = f"{certificate.not_after:%Y-%m-%d}"
        say(
            Text(
                f"{words.zh} {certificate.number}，有效期至 {day}",
                f"{words.en} {certificate.number}, valid until {day}",
            )
        )
    place = look.place.words
    say(
        Text(
            f"证书已写入并核验；管理员 PIN 和主控密钥已更换，保存在 {place.zh}。",
            "The certificates are loaded and proved. Administrator PIN and control keys are new, "
            f"and kept in {place.en}.",
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
