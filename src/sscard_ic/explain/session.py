"""The state of a session with a card, as far as its commands and answers tell it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.names import DIALECTS, Dialect
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import Text
from sscard_ic.explain.applications import (
    CERTIFICATE,
    CERTIFICATE_ENVIRONMENT,
    CHILDREN,
    FOREIGN_FILES,
    MF,
    ForeignFile,
    Place,
    named,
)
from sscard_ic.explain.bank_state import BankState, ChannelState
from sscard_ic.explain.card_names import FileNames, card_names, rule_words
from sscard_ic.explain.certificate_state import (
    CertificateState,
    certificate_files,
    certificate_model,
)
from sscard_ic.explain.statuses import Reasons
from sscard_ic.explain.words import NO_WORDS, Detail, bytes_of
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.certificate import CertificateApplication

_LAST_SFI = 0x1F


class Session:
    """Where in the card one is, what has been proved, what was learned about rights."""

    def __init__(self, profile: CardProfile) -> None:
        self.names = card_names(profile)
        self.reset()

    def reset(self) -> None:
        """After a power-up: nothing selected, nothing proved."""
        home = self.names.places.get(self.names.home, self.names.master_file)
        self.place = Place(home.application, home.directory, home.title, assumed=True)
        self.file: int | None = None
        self.pin = False
        self.keys: set[str] = set()
        self.certificate = CertificateState()
        self.bank = BankState()
        self.channel: ChannelState | None = None
        """The secure channel of a card in the making."""
        self.levels: dict[tuple[str, int], list[str]] = {}
        """Names of keys by directory and level, from the key records that were written."""

    def obey(self, profile: CardProfile) -> None:
        """Go on with the names of another profile."""
        if profile is self.names.profile:
            return
        self.names = card_names(profile)
        known = self.names.places.get(self.place.directory)
        if known is not None and self.place.application == "social security":
            self.place = Place(known.application, known.directory, known.title, self.place.assumed)

    @property
    def dialect(self) -> Dialect:
        """Whose names of commands hold here."""
        if self.place.application == "psam":
            return "psam"
        if self.place.application == "issuer":
            return "issuer"
        return DIALECTS.get(self.names.profile.dialect.name, "t514")

    # -- where one is ------------------------------------------------------------------------

    def enter(self, place: Place) -> None:
        """A directory was selected: its keys are to be presented anew (ref 11 §2.3)."""
        if place.application != self.place.application:
            self.pin = False
            self.certificate = CertificateState()
        elif place != self.place:
            self.certificate.control = False
        self.place = place
        self.file = None
        self.keys.clear()
        self.bank, self.channel = BankState(), None

    def directory_named(self, name: bytes) -> Place | None:
        """The directory that SELECT by name means."""
        # On a combined card the MF bears the name of the PSE, which readers mean by it.
        place = named(name) or self.names.directory_named(name)
        return place or self._certificate_named(name)

    def _certificate_named(self, name: bytes) -> Place | None:
        """A directory of the certificate application, whose names a profile may change."""
        places = {
            self.certificates.environment: CERTIFICATE_ENVIRONMENT,
            self.certificates.name: CERTIFICATE,
        }
        return places.get(name)

    def directory_with(self, fid: int) -> Place | None:
        """The directory that SELECT by identifier means here."""
        if self.place.application == "certificate" and fid == self.certificates.fid:
            return CERTIFICATE
        child = CHILDREN.get((self.place.application, fid))
        if child is not None:
            return child
        if self.place.application == "psam" and fid == MF:
            return Place("psam", "PSAM.MF", Text("PSAM 主文件", "master file of the PSAM"))
        declared = self.names.profile.structure.certificates
        if declared is not None and fid == declared.settings.environment_fid:
            return CERTIFICATE_ENVIRONMENT
        return self.names.directory_with(fid)

    @property
    def parent(self) -> Place | None:
        """The directory above the current one."""
        if self.place == CERTIFICATE:
            return CERTIFICATE_ENVIRONMENT
        if self.place == CERTIFICATE_ENVIRONMENT:
            return self.names.master_file
        return self.names.parent(self.place.directory)

    @property
    def certificates(self) -> CertificateApplication:
        """The certificate application of the profile, else the national one."""
        return certificate_model(self.names.profile)

    @property
    def own(self) -> bool:
        """Whether the directory is one of the profile's."""
        return self.place.application == "social security"

    # -- files ------------------------------------------------------------------------------

    def known_file(self, fid: int | None) -> FileNames | None:
        """A file of the current directory, as the profile names it."""
        if fid is None or not self.own:
            return None
        found = self.names.file(self.place.directory, fid)
        if found is None and self.place.directory == self.names.master_file.directory:
            # On cards of version 1.00 the environment may be the MF itself (ref 01 §6).
            return self.names.file(self.names.home, fid)
        return found

    def foreign_file(self, fid: int | None) -> ForeignFile | None:
        """A file of an application that no profile declares."""
        if fid is None:
            return None
        return self._foreign_files().get(fid)

    def _foreign_files(self) -> Mapping[int, ForeignFile]:
        if self.place.application == "certificate":
            return certificate_files(self.certificates)
        return FOREIGN_FILES.get(self.place.application, {})

    def fid_by_sfi(self, sfi: int) -> int:
        """The identifier that a short one means in the current directory."""
        if self.own:
            return self.names.file_by_sfi(self.place.directory, sfi)[0]
        for fid in self._foreign_files():
            if fid & 0x1F == sfi:
                return fid
        return sfi

    def path(self, fid: int | None) -> str:
        """``SSSE.EF05``: the way to a file of the current directory."""
        directory = self.place.directory
        if fid is None:
            return directory
        # Of files that only their short identifier names, no other is known.
        short = fid <= _LAST_SFI and not self._foreign_files()
        return f"{directory}.{fid:02X}" if short else f"{directory}.{fid:04X}"

    def file_words(self, fid: int | None) -> Text:
        """Path and title of a file of the current directory."""
        path = self.path(fid)
        if (own := self.known_file(fid)) is not None:
            return own.title
        if (foreign := self.foreign_file(fid)) is not None:
            return Text(f"{path} {foreign.title.zh}", f"{path} {foreign.title.en}")
        if fid is None:
            return Text(f"{path} 当前文件", f"the current file of {path}")
        return Text(path, path)

    # -- rights -----------------------------------------------------------------------------

    def prove(self, names: list[str]) -> None:
        """One of these keys was presented; which of several with one identifier, nobody knows."""
        self.keys.update(names)

    def missing(self, rule: AccessRule) -> Text:
        """What a refusal says: the condition, and what of it was presented so far."""
        words = rule_words(rule)
        if rule.kind != "conditions":
            return Text(f"规则：{words.zh}", f"the rule says: {words.en}")
        presented = [key for key in rule.keys if key in self.keys]
        if rule.pin and self.pin:
            presented.insert(0, "PIN")
        if not presented:
            return Text(f"需要 {words.zh}，尚未出示", f"needs {words.en}; nothing presented so far")
        listed = ", ".join(presented)
        return Text(
            f"需要 {words.zh}；已出示 {listed}", f"needs {words.en}; presented so far: {listed}"
        )


def no_words(raw: Masked) -> Told:
    """Data of an answer that nothing is known about."""
    if not raw:
        return Told()
    return Told(bytes_of(len(raw)), (Detail(Text("数据", "data"), raw=raw),))


@dataclass(frozen=True, slots=True)
class Told:
    """What the data of an answer say: in short for the summary, and part by part."""

    words: Text | None = None
    details: tuple[Detail, ...] = ()


NO_REASONS: Reasons = {}


@dataclass(slots=True)
class Asked:
    """A command in words, and how its answer is to be taken."""

    name: Text
    about: Text = NO_WORDS
    """What follows the name in the summary."""
    place: str = ""
    details: tuple[Detail, ...] = ()
    remarks: tuple[Text, ...] = ()
    read: Callable[[Masked], Told] = no_words
    """Words for the data of the answer."""
    succeeded: Callable[[], None] | None = None
    """What a success changes in the session."""
    failed: Callable[[StatusWord], None] | None = None
    rule: AccessRule | None = None
    """What the profile asks for."""
    reasons: Reasons = field(default_factory=lambda: NO_REASONS)
    """What status words mean for this command."""
    secret: bool = False
    """Whether its data are a PIN or a key: neither they nor the data of the answer are shown."""
