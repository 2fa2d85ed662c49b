"""Known answers that a library must give before it is trusted (GB/T 32918.5; ref 02 §8.7)."""

from __future__ import annotations

from sscard_ic.base.secret import Secret
from sscard_ic.crypto.sm2.model import Sm2, Sm2Error

_PRIVATE = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"
_PUBLIC = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
_DIGEST = bytes.fromhex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640")
_SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
_MESSAGE = b"encryption standard"
_CIPHER = bytes.fromhex(
    "04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
    "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
    "21886CA989CA9C7D58087307CA93092D651EFA"
)


def answers_right(sm2: Sm2) -> bool:
    """Whether each operation gives the published answer, or undoes its opposite."""
    private = Secret(bytes.fromhex(_PRIVATE))
    try:
        pair = sm2.generate()
        sm2.check_public(pair.public)
        return (
            sm2.public_of(private) == _PUBLIC
            and sm2.public_of(pair.private) == pair.public
            and sm2.verify(_PUBLIC, _DIGEST, _SIGNATURE)
            and not sm2.verify(_PUBLIC, _DIGEST[::-1], _SIGNATURE)
            and sm2.verify(_PUBLIC, _DIGEST, sm2.sign(private, _DIGEST))
            and sm2.decrypt(private, _CIPHER).reveal() == _MESSAGE
            and sm2.decrypt(private, sm2.encrypt(_PUBLIC, _MESSAGE)).reveal() == _MESSAGE
        )
    except Sm2Error:
        return False
