"""Pictures of every kind become right RGB; what is none is refused with the reason."""

from __future__ import annotations

import base64
import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from judge import Image, MediaError
from judge import media as media_module
from judge.media import data_uri, load_image, open_pixels

ORIENTATION = 0x0112
X_RESOLUTION = 0x011A
TURNED_RIGHT = 6
RED = (255, 0, 0)


def encoded(picture: Pillow.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def plain(size: tuple[int, int] = (20, 10), colour: Any = RED) -> Pillow.Image:
    return Pillow.new("RGB", size, colour)


def pixel(image: Image, place: tuple[int, int] = (0, 0)) -> tuple[int, ...]:
    value = open_pixels(image).getpixel(place)
    assert isinstance(value, tuple), f"expected an RGB triple, got {value!r}"
    return value


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


def test_same_picture_has_the_same_sha256_however_it_comes(tmp_path: Path) -> None:
    data = encoded(plain())
    path = tmp_path / "red.png"
    path.write_bytes(data)
    uri = "data:image/png;base64," + base64.b64encode(data).decode()
    sources: list[Any] = [data, path, str(path), uri, {"bytes": data, "path": None}]
    assert len({load_image(source).sha256 for source in sources}) == 1
    assert load_image(encoded(plain(colour="blue"))).sha256 != load_image(data).sha256


def test_loaded_picture_passes_through() -> None:
    image = load_image(encoded(plain()))
    assert load_image(image) is image


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


def test_cmyk_becomes_its_colours() -> None:
    picture = Pillow.new("CMYK", (16, 16), (0, 255, 255, 0))
    red, green, blue = pixel(load_image(encoded(picture, "JPEG")))
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


def test_animation_shows_its_first_frame() -> None:
    frames = [plain(colour=colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert pixel(load_image(data)) == RED


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


def test_decompression_bomb_is_refused() -> None:
    header = bytearray(encoded(Pillow.new("1", (8, 8))))
    header[16:24] = (60_000).to_bytes(4) * 2  # width and height in the IHDR chunk
    with pytest.raises(MediaError):
        load_image(bytes(header))


def test_pil_picture_of_too_many_pixels_is_refused() -> None:
    with pytest.raises(MediaError, match="the limit is"):
        load_image(Pillow.new("1", (10_000, 4_001)))


def test_too_many_bytes_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = encoded(plain())
    monkeypatch.setattr(media_module, "MAX_BYTES", len(data) - 1)
    path = tmp_path / "large.png"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(MediaError, match=f"{len(data)} bytes; the limit is {len(data) - 1}"):
            load_image(source)


@pytest.mark.parametrize(
    "address", ["https://example.org/a.png", "http://x/y", "s3://b/k", "ftp://x"]
)
def test_address_on_the_network_is_refused_and_the_message_says_what_to_do(address: str) -> None:
    with pytest.raises(MediaError, match="network address; download the picture"):
        load_image(address)


@pytest.mark.parametrize("path", ["/nowhere/a.png", "", "a\0b", "x" * 5000, "."])
def test_path_without_a_picture_is_refused(path: str) -> None:
    with pytest.raises(MediaError, match="no picture can be read"):
        load_image(path)


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("data:image/png;base64,@@@@", id="no-base64-characters"),
        pytest.param("data:image/png;base64,abc", id="wrong-padding"),
        pytest.param("data:image/png;base64,é", id="not-ascii"),
        pytest.param("data:image/png;base64,", id="empty"),
        pytest.param("data:image/png;base64,aGVsbG8=", id="a-text"),
    ],
)
def test_broken_data_uri_is_refused(uri: str) -> None:
    with pytest.raises(MediaError):
        load_image(uri)


@pytest.mark.parametrize("source", [None, 5, 3.5, ["a.png"], bytearray(b"x"), {1: 2, "a": 3}])
def test_value_of_another_type_is_refused_as_media(source: Any) -> None:
    with pytest.raises(MediaError):
        load_image(source)


# --- data URIs and rows -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_data_uri_round_trip(kind: str) -> None:
    image = load_image(encoded(plain(), kind))
    uri = data_uri(image)
    assert uri.startswith(f"data:image/{kind.lower()};base64,")
    assert load_image(uri) == image


def test_row_of_an_image_column_is_read_by_bytes_then_by_path(tmp_path: Path) -> None:
    red, blue = encoded(plain()), encoded(plain(colour="blue"))
    path = tmp_path / "blue.png"
    path.write_bytes(blue)
    assert load_image({"bytes": red, "path": str(path)}).data == red
    assert load_image({"bytes": None, "path": str(path)}).data == blue


@pytest.mark.parametrize("row", [{}, {"bytes": None, "path": None}, {"url": "x"}])
def test_row_without_bytes_and_path_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(MediaError, match="needs 'bytes' or 'path'"):
        load_image(row)


def test_decoded_pixels_are_kept_for_the_group_that_shares_them() -> None:
    data = encoded(plain())
    assert open_pixels(load_image(data)) is open_pixels(load_image(bytes(bytearray(data))))


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
