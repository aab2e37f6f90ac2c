"""Pictures of every kind become right RGB; what is none is refused with the reason."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from judge import MediaError
from judge.media import load_image, open_pixels
from tests.judge.media.files import RED, encoded, film, pixel, plain, tone, wav

ORIENTATION = 0x0112
X_RESOLUTION = 0x011A
TURNED_RIGHT = 6


def turned() -> Pillow.Exif:
    exif = Pillow.Exif()
    exif[ORIENTATION] = TURNED_RIGHT
    return exif


# --- what is kept and what is converted ---------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_plain_file_is_kept_byte_for_byte(kind: str) -> None:
    data = encoded(plain(), kind)
    image = load_image(data)
    assert image.data == data
    assert (image.width, image.height) == (20, 10)


@pytest.mark.parametrize("kind", ["BMP", "GIF", "WEBP", "TIFF"])
def test_other_formats_become_png(kind: str) -> None:
    image = load_image(encoded(plain(), kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert image.data.startswith(b"\x89PNG")
    assert pixel(image) == RED


def test_equal_pil_pictures_have_the_same_sha256() -> None:
    assert load_image(plain()).sha256 == load_image(plain()).sha256


def test_transparency_lies_on_white() -> None:
    picture = Pillow.new("RGBA", (2, 1), (255, 0, 0, 0))
    picture.putpixel((1, 0), (255, 0, 0, 128))
    image = load_image(encoded(picture))
    assert pixel(image) == (255, 255, 255)
    assert pixel(image, (1, 0)) == (255, 127, 127)


def test_transparent_colour_of_a_plain_png_lies_on_white() -> None:
    image = load_image(encoded(plain(), transparency=RED))
    assert pixel(image) == (255, 255, 255), "an RGB file with a tRNS chunk is transparent as well"


def test_palette_becomes_its_colours() -> None:
    picture = plain().convert("P", palette=Pillow.Palette.ADAPTIVE)
    assert pixel(load_image(encoded(picture))) == RED


def test_palette_with_a_transparent_entry_lies_on_white() -> None:
    picture = Pillow.new("P", (4, 4), 0)
    picture.putpalette([255, 0, 0, 0, 255, 0])
    assert pixel(load_image(encoded(picture, transparency=0))) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_its_colours(kind: str) -> None:
    picture = Pillow.new("CMYK", (16, 16), (0, 255, 255, 0))
    red, green, blue = pixel(load_image(encoded(picture, kind)))
    assert red > 240
    assert max(green, blue) < 15


def test_grey_becomes_rgb() -> None:
    assert pixel(load_image(encoded(Pillow.new("L", (4, 4), 100)))) == (100, 100, 100)


@pytest.mark.parametrize("as_file", [True, False], ids=["file", "pil"])
def test_sixteen_bits_are_scaled_not_clipped(as_file: bool) -> None:
    picture = Pillow.new("I;16", (3, 1))
    for x, value in enumerate((0, 32768, 65535)):
        picture.putpixel((x, 0), value)
    image = load_image(encoded(picture) if as_file else picture)
    greys = [pixel(image, (x, 0))[0] for x in range(3)]
    assert greys[0] == 0
    assert 120 <= greys[1] <= 135, f"half of the range became {greys[1]}, expected about 128"
    assert greys[2] == 255


def test_sixteen_bits_of_each_colour_are_scaled_not_clipped() -> None:
    import cv2

    blue_green_red = np.full((2, 3, 3), (0, 32768, 65535), np.uint16)
    red, green, blue = pixel(load_image(cv2.imencode(".png", blue_green_red)[1].tobytes()))
    assert (red, blue) == (255, 0)
    assert 127 <= green <= 128


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_of_no_known_range_are_refused(mode: str) -> None:
    picture = Pillow.new(mode, (4, 4), 1)
    for source in (picture, encoded(picture, "TIFF")):
        with pytest.raises(MediaError, match="no one can tell what is white; give 8 or 16 bits"):
            load_image(source)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animation_shows_its_first_frame(kind: str) -> None:
    frames = [plain(colour=colour) for colour in ("red", "lime", "blue")]
    lossless = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **lossless)
    assert pixel(load_image(data)) == RED


def test_picture_of_twenty_thousand_pixels_width_is_right() -> None:
    picture = plain((20_000, 200))
    picture.putpixel((19_999, 199), (0, 0, 255))
    image = load_image(encoded(picture))
    assert (image.width, image.height) == (20_000, 200)
    assert pixel(image, (19_999, 199)) == (0, 0, 255)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_exif_rotation_is_applied(kind: str) -> None:
    picture = plain((16, 8))
    picture.paste((0, 0, 255), (8, 0, 16, 8))  # red left, blue right; turned: red above blue
    image = load_image(encoded(picture, kind, exif=turned()))
    assert (image.width, image.height) == (8, 16)
    assert pixel(image, (4, 1))[0] > 240, "the left half should be above"
    assert pixel(image, (4, 14))[2] > 240, "the right half should be below"


def test_exif_rotation_is_applied_to_a_pil_picture_too() -> None:
    data = encoded(plain(), "JPEG", exif=turned())
    with Pillow.open(io.BytesIO(data)) as picture:
        image = load_image(picture)
    assert (image.width, image.height) == (10, 20), "bytes and PIL must be seen the same way up"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "YCbCr", "LAB", "HSV"])
def test_any_mode_of_pil_becomes_rgb(mode: str) -> None:
    image = load_image(Pillow.new(mode, (4, 4)))
    assert open_pixels(image).mode == "RGB"
    assert (image.width, image.height) == (4, 4)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="no-bytes"),
        pytest.param(b"hello, I am a text", id="text"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="svg"),
        pytest.param(encoded(plain((200, 200)))[:-30], id="truncated-png"),
        pytest.param(
            encoded(Pillow.effect_noise((200, 200), 80), "JPEG")[:3000], id="truncated-jpeg"
        ),
        pytest.param(encoded(plain())[:20], id="truncated-header"),
        pytest.param(film(2), id="film"),
        pytest.param(wav(tone().astype("f4")), id="recording"),
        pytest.param(b"%PDF-1.7\n%", id="pdf"),
        pytest.param(b"8BPS" + bytes(100), id="photoshop"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", id="postscript"),
    ],
)
def test_bytes_that_are_no_whole_picture_are_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be read as one of"):
        load_image(data)
    path = tmp_path / "broken.png"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"broken\.png"):
        load_image(path)


def test_truncated_pil_picture_is_refused() -> None:
    data = encoded(Pillow.effect_noise((200, 200), 80), "JPEG")[:3000]
    with Pillow.open(io.BytesIO(data)) as picture, pytest.raises(MediaError):
        load_image(picture)


@pytest.mark.parametrize("size", [(0, 0), (0, 5)])
def test_picture_without_pixels_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(MediaError):
        load_image(Pillow.new("RGB", size))


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    data = encoded(Pillow.new("1", (10_000, 4_001)))
    with pytest.raises(MediaError, match="10000x4001 pixels; the limit is 40000000"):
        load_image(data)


def test_square_of_twenty_thousand_pixels_is_refused() -> None:
    data = chunked_png(20_000, 20_000, zlib.compress(bytes(2_501) * 20_000))
    assert len(data) < 100_000, "a small file of 400 million pixels"
    with pytest.raises(MediaError):
        load_image(data)


def test_decompression_bomb_is_refused() -> None:
    with pytest.raises(MediaError):
        load_image(chunked_png(60_000, 60_000, zlib.compress(b"")))


def test_bomb_in_a_text_chunk_is_refused() -> None:
    text = b"comment\0\0" + zlib.compress(bytes(200_000_000))
    whole = encoded(plain())
    end_of_header = 8 + 25
    data = whole[:end_of_header] + chunk(b"zTXt", text) + whole[end_of_header:]
    with pytest.raises(MediaError):
        load_image(data)


@pytest.mark.parametrize("size", [(20_000, 50), (50, 20_000)])
def test_strip_that_no_vision_encoder_takes_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(MediaError, match="one side may be 200 times the other at most"):
        load_image(plain(size))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def chunked_png(width: int, height: int, pixels: bytes) -> bytes:
    """A PNG of one bit a pixel with this header and these compressed pixels."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def test_pil_picture_of_too_many_pixels_is_refused() -> None:
    with pytest.raises(MediaError, match="the limit is"):
        load_image(Pillow.new("1", (10_000, 4_001)))


# --- damage -------------------------------------------------------------------------------------


def exif_bytes(tag: int, value: Any) -> bytes:
    exif = turned()
    exif[tag] = value
    return encoded(plain(), "JPEG", exif=exif)


DAMAGE_SEEDS = [
    encoded(plain()),
    exif_bytes(0x010F, "make"),
    encoded(plain(), "GIF"),
    encoded(plain(), "WEBP", exif=turned()),
]


@pytest.mark.parametrize("tag", [X_RESOLUTION, 0x0100])
def test_exif_with_a_value_of_the_wrong_type_does_no_harm(tag: int) -> None:
    made = exif_bytes(0x010F, "make")
    damaged = made.replace((0x010F).to_bytes(2), tag.to_bytes(2), 1)
    assert damaged != made, "the damage did not hit"
    with contextlib.suppress(MediaError):  # refusing it is fine, another error is not
        load_image(damaged)


@settings(max_examples=300, deadline=None)
@given(
    seed=st.sampled_from(DAMAGE_SEEDS),
    places=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=4),
    keep=st.floats(0.01, 1),
)
def test_damaged_file_is_a_picture_or_a_media_error(
    seed: bytes, places: list[tuple[float, int]], keep: float
) -> None:
    data = bytearray(seed)
    for place, value in places:
        data[int(place * len(data))] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Pillow warns of damaged metadata
        try:
            image = load_image(bytes(data[: max(1, int(keep * len(data)))]))
        except MediaError:
            return
        assert open_pixels(image).size == (image.width, image.height)
