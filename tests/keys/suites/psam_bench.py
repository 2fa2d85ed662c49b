"""PSAMs with the keys of the suites: virtual cards in a reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.keys.suites.holdings import BY_NAME, CLOCK, GIVEN, HELD, vectors
from tests.support.psams import SERIAL, vault_for, wire_to

from sscard_ic.apdu import psam
from sscard_ic.base import Secret
from sscard_ic.card.psam import PsamBlank
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.secure_messaging import message_key
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys import CardKey, PsamRoot
from sscard_ic.keys.psam import Psam
from sscard_ic.keys.psam_loading import loading_command
from sscard_ic.profile import Key, PsamProfile, load_psam
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import blank_psam

TERMINAL = vectors("medical")["keys"]["terminal"]
"""That of ref 12 §8; the PSAM's city is its first six digits."""


def psam_profile(keys: Mapping[str, Key], number: int = 1) -> PsamProfile:
    """A PSAM of the city of ref 12 §8 for cards with these keys; ``number``: its next purchase."""
    profile = load_psam("psam/urumqi")
    region = profile.region
    issuer = region.issuer.model_copy(update={"division_code": TERMINAL[:6]})
    structure = profile.card.structure.model_copy(update={"keys": dict(keys)})
    region = region.model_copy(update={"issuer": issuer})
    card = replace(profile.card, structure=structure, region=region)
    dialect = profile.model.dialect
    settings = dialect.settings.model_copy(update={"first_number": number})
    dialect = dialect.model_copy(update={"settings": settings})
    return replace(profile, card=card, model=profile.model.model_copy(update={"dialect": dialect}))


def psam_with(profile: PsamProfile, values: Callable[[str, Algorithm], bytes]) -> Psam:
    """A PSAM made from ``profile``, in a reader; ``values`` are its roots by name and family."""
    chip = blank_psam(profile, SERIAL)
    session = open_session(VirtualConnection(chip))
    PsamBlank(session, profile, _Loader(profile, values)).make(TERMINAL)
    chip.power_off()
    return Psam(wire_to(chip), profile.card.keys, CLOCK)


class _Loader:
    """Loads the roots of cards as they are in ``values``, the PSAM's own keys as published."""

    def __init__(self, profile: PsamProfile, values: Callable[[str, Algorithm], bytes]) -> None:
        self._own = vault_for(profile)
        self._transport = published_test_key(profile.model.dialect.transport_root, 1)
        self._values = values

    def load_psam_key(
        self, head: bytes, header: bytes, key: PsamRoot | CardKey, transport: str, challenge: bytes
    ) -> Secret:
        """The finished command."""
        if isinstance(key, CardKey):
            return self._own.load_psam_key(head, header, key, transport, challenge)
        protector = message_key("3des", self._transport, challenge, "card_key")
        return loading_command(head, header + self._values(key.name, key.algorithm), protector)

    def sign_psam_command(self, head: bytes, transport: str, challenge: bytes) -> Secret:
        """The finished command."""
        return self._own.sign_psam_command(head, transport, challenge)


def held_psam(number: int = 1) -> Psam:
    """A PSAM with the roots of :data:`HELD`; its next purchase is ``number``."""
    profile = psam_profile({held.name: held.declared() for held in HELD if held.place}, number)
    return psam_with(profile, lambda name, algorithm: BY_NAME[name].value(algorithm))


def given_psam() -> Psam:
    """One with :data:`GIVEN` as keys of type 8 that take no steps: it uses them as cards do."""
    bits = {name: (algorithm, bytes.fromhex(value)) for (algorithm, value), name in GIVEN.items()}
    keys = {
        name: Key.model_validate(
            {
                "directory": "SSSE",
                "id": 4,
                "use": "external",
                "level": "P1",
                "length": len(value),
                "psam_usage": f"{psam.KeyType.MAC_AND_ENCRYPTION:02X}",
                "psam_id": f"{0x40 + number:02X}",
            }
        )
        for number, (name, (_, value)) in enumerate(bits.items())
    }

    def value(name: str, algorithm: Algorithm) -> bytes:
        family, found = bits[name]
        # A PSAM has each key in both environments; that of the other family is never asked.
        return found if family == algorithm else bytes(16 if algorithm == "sm4" else len(found))

    return psam_with(psam_profile(keys), value)
