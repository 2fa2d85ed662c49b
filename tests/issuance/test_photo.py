"""Photos for the card, and files that are none."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from sscard_ic.issuance.photo import (
    PhotoError,
    PhotoFolders,
    PhotoLimits,
    card_photo,
    check_photo,
)

LIMITS = PhotoLimits(longest_side=4096, max_bytes=1_000_000)


def picture(
    size: tuple[int, int], mode: str = "RGB", kind: str = "JPEG", **options: object
) -> bytes:
    """Noise: nothing compresses worse."""
    out = io.BytesIO()
    bands = [Image.effect_noise(size, 90) for _ in Image.new(mode, (1, 1)).getbands()]
    Image.merge(mode, bands).save(out, kind, **options)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_portraits_keep_most_of_their_pixels(photos: Path) -> None:
    files = sorted(photos.glob("*.jpg"))
    assert len(files) == 12
    for file in files:
        result = card_photo(file.read_bytes(), 4096, 4096)
        assert 3500 < len(result) <= 4096
        image = opened(result)
        assert (image.format, image.mode) == ("JPEG", "RGB")
        assert image.height >= 300 and abs(image.width / image.height - 358 / 441) < 0.01


def test_the_same_photo_gives_the_same_bytes(photos: Path) -> None:
    content = (photos / "portrait-05.jpg").read_bytes()
    assert card_photo(content, 4096, 4096) == card_photo(content, 4096, 4096)


@pytest.mark.parametrize("room", [600, 1024, 2048, 4096, 100_000])
def test_the_result_always_fits(photos: Path, room: int) -> None:
    for content in ((photos / "portrait-01.jpg").read_bytes(), picture((358, 441))):
        assert len(card_photo(content, room, 4096)) <= room


def test_more_room_gives_a_better_photo(photos: Path) -> None:
    content = (photos / "portrait-01.jpg").read_bytes()
    sizes = [opened(card_photo(content, room, 4096)).height for room in (1024, 4096, 100_000)]
    assert sizes[0] < sizes[1] < sizes[2] == 441


@pytest.mark.parametrize(
    "content",
    [
        picture((358, 441), "L"),
        picture((358, 441), "CMYK"),
        picture((358, 441), kind="BMP"),
        picture((358, 441), progressive=True),
        picture((1500, 2000)),
        picture((60, 80)),
        picture((1, 900)),
    ],
)
def test_any_jpeg_or_bmp_becomes_a_plain_baseline_jpeg(content: bytes) -> None:
    image = opened(card_photo(content, 4096, 4096))
    assert (image.format, image.mode) == ("JPEG", "RGB")
    assert "progressive" not in image.info
    assert image.width <= 358 and image.height <= 441
    assert image.width <= opened(content).width, "never enlarged"


def test_metadata_is_gone_and_the_picture_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010E] = "taken at home"
    content = picture((441, 358), exif=exif, comment=b"a remark", icc_profile=b"x" * 200)

    result = card_photo(content, 4096, 4096)

    image = opened(result)
    assert image.height > image.width
    assert not image.getexif() and "icc_profile" not in image.info and "comment" not in image.info
    assert b"taken at home" not in result


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a JPEG or BMP picture"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "is not a JPEG or BMP picture"),
        (picture((300, 400))[:3000], "is not a JPEG or BMP picture"),
        (picture((30, 40), kind="PNG"), "is not a JPEG or BMP picture"),
        (b"%PDF-1.7" + bytes(2000), "is not a JPEG or BMP picture"),
        (picture((4097, 8)), "larger than 4096 pixels"),
        (bytes(1_000_001), "larger than 1000000 bytes"),
    ],
)
def test_what_is_no_usable_photo(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)

    with pytest.raises(PhotoError) as caught:
        check_photo(path, LIMITS)
    assert caught.value.reason == reason
    assert caught.value.what.zh != caught.value.what.en


@pytest.mark.parametrize("side", [20_000, 65_000])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.bmp"
    head = io.BytesIO()
    Image.new("1", (8, 8)).save(head, "BMP")
    content = bytearray(head.getvalue())
    content[18:26] = side.to_bytes(4, "little") * 2
    path.write_bytes(content)

    with pytest.raises(PhotoError) as caught:
        check_photo(path, LIMITS)
    assert caught.value.reason == "larger than 4096 pixels"


def test_nothing_fits_a_tiny_room() -> None:
    with pytest.raises(PhotoError, match="does not fit 300 bytes"):
        card_photo(picture((358, 441)), 300, 4096)


def test_photos_are_found_in_their_folders_only(tmp_path: Path, photos: Path) -> None:
    inside, other = tmp_path / "inside", tmp_path / "other"
    (inside / "class 3").mkdir(parents=True)
    other.mkdir()
    content = (photos / "portrait-01.jpg").read_bytes()
    for file in (inside / "class 3" / "a.jpg", other / "b.jpg", tmp_path / "secret.jpg"):
        file.write_bytes(content)
    folders = PhotoFolders([inside, other])

    assert folders.find("class 3/a.jpg") == (inside / "class 3" / "a.jpg").resolve()
    assert folders.find("b.jpg") == (other / "b.jpg").resolve()
    os.symlink(tmp_path / "secret.jpg", inside / "link.jpg")
    for name, reason in (
        ("link.jpg", "file missing"),
        ("class 3", "file missing"),
        ("../secret.jpg", "is not a path inside the photo folder"),
        ("..\\secret.jpg", "is not a path inside the photo folder"),
        (str(tmp_path / "secret.jpg"), "is not a path inside the photo folder"),
        ("a\x00.jpg", "is not a path inside the photo folder"),
    ):
        with pytest.raises(PhotoError) as caught:
            folders.find(name)
        assert caught.value.reason == reason
