"""Photos: any JPEG or BMP in, a small baseline JPEG for the card out (ref 05 §8.3)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from PIL import Image, ImageOps, UnidentifiedImageError

from sscard_ic.base.errors import InputError, Text

_FORMATS = ("JPEG", "BMP")
_WIDTH, _HEIGHT = 358, 441
"""Pixels of the standard portrait; the card gets at most this much."""
_SCALES = (1.0, 0.8, 0.65, 0.55, 0.45, 0.36, 0.28, 0.2)
_WORTHY = 45
"""A size is taken when it fits at this quality; the next smaller one looks better below it."""
_QUALITIES = range(10, 93)


class PhotoError(InputError):
    """The photo cannot be used; ``reason`` is the phrase of the refusal."""

    def __init__(self, reason: str, what: Text) -> None:
        super().__init__(what)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What is accepted: pixels along the longest side, bytes of the file."""

    longest_side: int
    max_bytes: int


class PhotoFolders:
    """Where photos named in a batch are looked for, and nowhere else."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [folder.resolve() for folder in folders]

    def find(self, name: str) -> Path:
        """The file ``name``; raises :class:`PhotoError` when missing or outside the folders."""
        if _escapes(name):
            raise PhotoError(
                "is not a path inside the photo folder",
                Text("不是照片文件夹内的路径", "is not a path inside the photo folder"),
            )
        for folder in self._folders:
            path = (folder / name).resolve()
            if path.is_relative_to(folder) and path.is_file():
                return path
        raise PhotoError("file missing", Text("文件不存在", "file missing"))


def _escapes(name: str) -> bool:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    rooted = posix.is_absolute() or windows.drive or windows.root
    return bool(rooted) or ".." in windows.parts or not name.isprintable()


def load_photo(path: Path, limits: PhotoLimits) -> bytes:
    """The file's bytes; raises :class:`PhotoError` when unreadable or too many."""
    try:
        with path.open("rb") as stream:
            content = stream.read(limits.max_bytes + 1)
    except OSError as error:
        raise PhotoError("file unreadable", Text("文件无法读取", "file unreadable")) from error
    if len(content) > limits.max_bytes:
        raise PhotoError(
            f"larger than {limits.max_bytes} bytes",
            Text(f"大于 {limits.max_bytes} 字节", f"larger than {limits.max_bytes} bytes"),
        )
    return content


def check_photo(path: Path, limits: PhotoLimits) -> None:
    """Make sure that the file is a whole picture of sane size.

    Raises :class:`PhotoError` otherwise, without decoding more than ``limits`` allows.
    """
    _decode(load_photo(path, limits), limits.longest_side)


def card_photo(content: bytes, max_bytes: int, longest_side: int) -> bytes:
    """``content`` as baseline JPEG, RGB, without metadata, of at most ``max_bytes``.

    Picks the largest size that looks good within the limit, then the best quality; the same
    input gives the same output. Raises :class:`PhotoError` when nothing fits.
    """
    picture = _decode(content, longest_side)
    for scale in _SCALES:
        scaled = _scaled(picture, scale)
        if len(_encode(scaled, _WORTHY)) <= max_bytes:
            return _best(scaled, range(_WORTHY, _QUALITIES.stop), max_bytes)
    if len(_encode(scaled, _QUALITIES.start)) <= max_bytes:
        return _best(scaled, range(_QUALITIES.start, _WORTHY), max_bytes)
    raise PhotoError(
        f"does not fit {max_bytes} bytes",
        Text(f"无法压缩到 {max_bytes} 字节", f"does not fit {max_bytes} bytes"),
    )


def _decode(content: bytes, longest_side: int) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(content), formats=_FORMATS)
        if max(picture.size) > longest_side:
            raise _too_large(longest_side)
        # A large camera picture is halved while it is decoded, never below the card's size.
        picture.draft("RGB", (_WIDTH, _HEIGHT))
        ImageOps.exif_transpose(picture, in_place=True)
        plain = picture.convert("RGB")
        plain.info.clear()  # a comment in it would be saved again
        return plain
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(longest_side) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise PhotoError(
            "is not a JPEG or BMP picture",
            Text("不是可解码的 JPEG 或 BMP 图片", "is not a JPEG or BMP picture"),
        ) from error


def _too_large(longest_side: int) -> PhotoError:
    return PhotoError(
        f"larger than {longest_side} pixels",
        Text(f"边长超过 {longest_side} 像素", f"larger than {longest_side} pixels"),
    )


def _scaled(picture: Image.Image, scale: float) -> Image.Image:
    fit = min(1.0, _WIDTH / picture.width, _HEIGHT / picture.height) * scale
    size = (max(1, round(picture.width * fit)), max(1, round(picture.height * fit)))
    if size == picture.size:
        return picture
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def _encode(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(
        out, "JPEG", quality=quality, optimize=True, progressive=False, subsampling="4:2:0"
    )
    return out.getvalue()


def _best(picture: Image.Image, qualities: range, max_bytes: int) -> bytes:
    """At the highest of ``qualities`` that fits; the lowest is known to fit."""
    low, high = qualities.start, qualities.stop - 1
    best = _encode(picture, low)
    while low < high:
        middle = (low + high + 1) // 2
        candidate = _encode(picture, middle)
        if len(candidate) <= max_bytes:
            best, low = candidate, middle
        else:
            high = middle - 1
    return best
