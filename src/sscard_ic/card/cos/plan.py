"""What every dialect's builder needs to know of a profile, and the steps that all of them take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sscard_ic.apdu import Command, iso, issuer
from sscard_ic.base.errors import Text
from sscard_ic.card.cos.steps import Prove, Send
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.profile import CardProfile
from sscard_ic.profile.structure import Structure
from sscard_ic.profile.values import unset

TRANSPORT = Text("出示传输码", "present the transport code")


def master_file(structure: Structure) -> str:
    """Name of the MF."""
    return next(name for name, each in structure.directories.items() if each.kind == "MF")


def master_key(structure: Structure, directory: str) -> str:
    """Name of the control key of a directory."""
    keys = structure.keys_of(directory)
    return next(name for name, key in keys.items() if key.use == "master")


def prove_master(structure: Structure, directory: str) -> Prove:
    """Proof of the control key of the current directory."""
    return Prove(
        Text(f"认证 {directory} 的主控密钥", f"authenticate the control key of {directory}"),
        master_key(structure, directory),
    )


def key_records(structure: Structure, directory: str) -> int:
    """Number of key records in a directory: every version of every key, and the PIN."""
    records = sum(key.groups for key in structure.keys_of(directory).values())
    return records + (directory == structure.pin_directory)


def select(structure: Structure, name: str) -> Send:
    """SELECT of a directory: the MF by identifier, others by name."""
    directory = structure.directories[name]
    is_mf = directory.kind == "MF"
    command = iso.select_fid(directory.fid) if is_mf else iso.select_name(directory.name)
    return Send(Text(f"选择目录 {name}", f"select directory {name}"), command)


def directory_records(structure: Structure) -> list[bytes]:
    """DIR: ``70 L 61 L 4F AID 50 label`` for each DDF (ref 11 §5.4)."""
    records = []
    for name, directory in structure.directories.items():
        if directory.kind == "DDF":
            entry = encode_ber(0x4F, directory.name) + encode_ber(0x50, name.encode("ascii"))
            records.append(encode_ber(0x70, encode_ber(0x61, entry)))
    return records


def announcements(
    structure: Structure, fci: Callable[[str], bytes], dir_fid: int
) -> Sequence[tuple[Text, Command, bytes]]:
    """SELECT of every directory with its FCI, the MF last, then the records of DIR in it."""
    directories = structure.directories
    order = sorted(directories, key=lambda name: directories[name].kind == "MF")
    asked = []
    for name in order:
        step = select(structure, name)
        asked.append((step.what, step.command.with_le(iso.READ_ALL), fci(name)))
    what = Text("读取目录文件 DIR", "read the directory file DIR")
    asked.append((what, iso.select_fid(dir_fid, 0x02), b""))
    for number, record in enumerate(directory_records(structure), 1):
        asked.append((what, iso.read_record(number, len(record)), record))
    return tuple(asked)


def unset_records(
    profile: CardProfile, directory: str, file_name: str, mac: str | None = None
) -> Iterator[Send]:
    """UPDATE RECORD with every unset value: a record that is not there yet comes into being.

    ``mac`` is the key of the MAC that the commands carry, where the file asks for one.
    """
    what = Text(
        f"初始化记录 {directory}/{file_name}", f"initialise the records of {directory}/{file_name}"
    )
    yield Send(what, iso.select_fid(int(file_name, 16), 0x02))
    for place in profile.places_of(directory, file_name):
        command = iso.update_record(place.number, place.record(unset(place.item)))
        yield Send(what, issuer.protected(command) if mac else command, mac)
