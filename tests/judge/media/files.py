"""Pictures, films and recordings as files, made for the tests."""

from __future__ import annotations

import io
import struct
import tempfile
import wave
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from judge import Image
from judge.media import open_pixels

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


def film(
    frames: int = 20,
    rate: float = 10.0,
    *,
    size: tuple[int, int] = (64, 48),
    codec: str = "MJPG",
    ending: str = ".avi",
    colour: tuple[int, int, int] | None = None,
) -> bytes:
    """A film whose ``n``-th frame is grey of the value ``10 * n``, or all of one RGB colour."""
    import cv2

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"film{ending}")
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), rate, size)
        for place in range(frames):
            shade = (10 * place,) * 3 if colour is None else colour
            writer.write(np.full((size[1], size[0], 3), shade[::-1], np.uint8))
        writer.release()
        return path.read_bytes()


def tone(rate: int = 16_000, seconds: float = 0.5, hertz: float = 440.0) -> np.ndarray:
    """A sine of half the full scale, float64 of shape (samples,)."""
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def wav(samples: np.ndarray, rate: int = 16_000) -> bytes:
    """Samples as a WAV file of their own type."""
    from scipy.io import wavfile

    file = io.BytesIO()
    wavfile.write(file, rate, samples)
    return file.getvalue()


def wav24(samples: np.ndarray, rate: int = 16_000) -> bytes:
    """Samples in [-1, 1) as a WAV file of 24-bit integers."""
    whole = np.round(samples * 2**23).astype("<i4")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(3)
        writer.setframerate(rate)
        writer.writeframes(whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
    return file.getvalue()


def with_field(data: bytes, offset: int, layout: str, *values: Any) -> bytes:
    """The file with these values packed over what stands at the offset: a header that lies."""
    packed = struct.pack(layout, *values)
    return data[:offset] + packed + data[offset + len(packed) :]
