"""Where the profile files are: names to files and back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.resources import profiles_dir

_COS = "cos/"


def find(name: str) -> Path:
    """The file that ``name`` means; raises :class:`InputError` listing what exists."""
    relative = Path(f"{name}.toml")
    shipped_file = profiles_dir() / relative
    if not relative.is_absolute() and ".." not in relative.parts and shipped_file.is_file():
        return shipped_file
    files = shipped()
    hits = [known for known in files if known.rsplit("/", 1)[-1] == name]
    if len(hits) > 1:  # a city's name means its card, not the PSAM of its terminals
        hits = [known for known in hits if not known.startswith("psam/")]
    if len(hits) == 1:
        return files[hits[0]]
    if hits:
        raise InputError(
            Text("配置名不唯一", "the name of the profile is ambiguous"),
            where=name,
            hint=offer(hits),
        )
    if Path(name).is_file():
        return Path(name).resolve()
    raise InputError(
        Text("没有这个配置", "there is no such profile"), where=name, hint=offer(files)
    )


def find_cos(name: str) -> Path:
    """The file of a COS dialect; raises :class:`InputError` listing those that exist."""
    files = {known: file for known, file in shipped().items() if known.startswith(_COS)}
    if _COS + name in files:
        return files[_COS + name]
    if name not in files and not Path(name).is_file():
        raise InputError(
            Text("没有这种卡操作系统", "there is no such COS"),
            where=name,
            hint=offer(known.removeprefix(_COS) for known in files),
        )
    return find(name)


def name_of(file: Path) -> str:
    """The name by which :func:`find` finds ``file`` again."""
    try:
        return file.relative_to(profiles_dir()).with_suffix("").as_posix()
    except ValueError:
        return str(file)


def shipped() -> dict[str, Path]:
    """The profile files that travel with the program, by name."""
    return {name_of(file): file for file in sorted(profiles_dir().rglob("*.toml"))}


def offer(names: Iterable[str]) -> Text:
    """The hint that lists what exists."""
    listed = ", ".join(names)
    return Text(f"可用的有：{listed}", f"these exist: {listed}")
