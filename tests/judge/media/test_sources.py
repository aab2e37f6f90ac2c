"""A path, a data URI, bytes or a row: the same for pictures, films and recordings."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from judge import MediaError
from judge.media import audio, data_uri, images, load_audio, load_image, load_video, video
from judge.types import Media
from tests.judge.media.files import encoded, film, plain, tone, wav

Load = Callable[[Any], Media]

KINDS = [
    pytest.param(load_image, "image/png", encoded(plain()), id="image"),
    pytest.param(load_video, "video/avi", film(4), id="video"),
    pytest.param(load_audio, "audio/wav", wav(tone().astype("f4")), id="audio"),
]
LOADERS = [load_image, load_video, load_audio]


@pytest.mark.parametrize(("load", "kind", "data"), KINDS)
def test_same_file_has_the_same_sha256_however_it_comes(
    load: Load, kind: str, data: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    uri = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    sources: list[Any] = [
        data,
        path,
        str(path),
        uri,
        {"bytes": data, "path": None},
        {"bytes": data, "path": "nowhere"},
        {"bytes": None, "path": str(path)},
    ]
    assert len({load(source).sha256 for source in sources}) == 1


@pytest.mark.parametrize(("load", "kind", "data"), KINDS)
def test_what_is_loaded_passes_through(load: Load, kind: str, data: bytes) -> None:
    loaded = load(data)
    assert load(loaded) is loaded


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("row", [{}, {"bytes": None, "path": None}, {"url": "x"}])
def test_row_without_bytes_and_path_is_refused(load: Load, row: dict[str, Any]) -> None:
    with pytest.raises(MediaError, match="needs 'bytes' or 'path'"):
        load(row)


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize(
    "address", ["https://example.org/a.png", "http://x/y", "s3://b/k", "ftp://x", "file:///etc/x"]
)
def test_address_is_refused_and_the_message_says_what_to_do(load: Load, address: str) -> None:
    with pytest.raises(MediaError, match="network address; download the"):
        load(address)


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("path", ["/nowhere/a.png", "", "a\0b", "x" * 5000, ".", "/dev/zero"])
def test_path_without_a_file_is_refused(load: Load, path: str) -> None:
    with pytest.raises(MediaError, match=r"no \w+ can be read"):
        load(path)


def test_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MediaError, match="not a file"):
        load_image(tmp_path / "pipe")


@pytest.mark.parametrize(("load", "kind", "data"), KINDS)
@pytest.mark.parametrize("text", ["@@@@", "abc", "é", "", "aGVsbG8="])
def test_broken_data_uri_is_refused(load: Load, kind: str, data: bytes, text: str) -> None:
    with pytest.raises(MediaError):
        load(f"data:{kind};base64,{text}")


def test_data_uri_of_another_kind_is_refused() -> None:
    with pytest.raises(MediaError, match="expected a recording, got a data URI of type 'image'"):
        load_audio(data_uri(load_image(plain())))


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("source", [None, 5, 3.5, bytearray(b"x"), {1: 2, "a": 3}])
def test_value_of_another_type_is_refused_as_media(load: Load, source: Any) -> None:
    with pytest.raises(MediaError):
        load(source)


@pytest.mark.parametrize(
    ("module", "load", "data"),
    [
        pytest.param(images, load_image, encoded(plain()), id="image"),
        pytest.param(video, load_video, film(4), id="video"),
        pytest.param(audio, load_audio, wav(tone().astype("f4")), id="audio"),
    ],
)
def test_too_many_bytes_are_refused(
    module: Any, load: Load, data: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", len(data) - 1)
    path = tmp_path / "large"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(MediaError, match=f"{len(data)} bytes; the limit is {len(data) - 1}"):
            load(source)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_data_uri_of_a_picture_round_trip(kind: str) -> None:
    image = load_image(encoded(plain(), kind))
    uri = data_uri(image)
    assert uri.startswith(f"data:image/{kind.lower()};base64,")
    assert load_image(uri) == image


def test_data_uri_of_a_recording_round_trip() -> None:
    recording = load_audio(wav((tone() * 32767).astype("i2")))
    uri = data_uri(recording)
    assert uri.startswith("data:audio/wav;base64,UklGR")
    assert load_audio(uri) == recording, "16 bits come back as they were"
