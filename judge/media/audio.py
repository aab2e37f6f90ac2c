"""Recordings: loaded, checked, and brought to one channel of 16 kHz float samples.

Samples are scaled to [-1, 1] once, by the range of the type they were stored in, and never again:
a quiet recording stays quiet.
"""

from __future__ import annotations

import hashlib
import io
import math
import struct
import warnings
import wave
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from judge.errors import MediaError, MissingExtraError
from judge.media.sources import FileSource, MediaFile, read_file
from judge.types import SAMPLE_RATE, Audio

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

MAX_BYTES = 64 * 1024 * 1024
"""Largest encoded recording read, in bytes."""
MAX_SECONDS = 300
"""Longest recording; Qwen2.5-Omni's processor would cut what is beyond."""
MIN_SECONDS = 0.05
"""Shortest recording: from fewer samples no model makes a token."""
RATES = (4_000, 384_000)
"""Lowest and highest samples a second that a source may have."""
MAX_CHANNELS = 16
MAX_SAMPLES = 100_000_000
"""Most samples of all channels together: silence of any length is a small file."""

AudioSource = Audio | FileSource | tuple[Any, int] | Mapping[str, Any]
"""A recording as callers have it: see :func:`load_audio`."""

_OVERSHOOT = 1.5
"""Decoders of lossy formats overshoot 1 a little. Floats far above it were never scaled."""
_CUT_SHORT = "Reached EOF prematurely"
_COMPRESSED = {
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"FORM": "AIFF",
    b"ID3": "MP3",
    b"\xff\xfb": "MP3",
    b"\xff\xf3": "MP3",
    b"\xff\xf2": "MP3",
}
"""First bytes of the formats that soundfile reads."""


def load_audio(source: AudioSource) -> Audio:
    """A checked recording: one channel (the mean of the source's), 16 kHz, samples in [-1, 1].

    Args:
        source: a path, a ``data:audio/…;base64,`` URI, encoded bytes, samples with their rate
            (``(array, 44_100)``), a recording already loaded, or a row of a Hugging Face audio
            column, decoded (``{"array": …, "sampling_rate": …}``) or not (``{"bytes": …}``). WAV is
            always read; FLAC, Ogg, MP3 and AIFF where the package ``soundfile`` is installed.
            Arrays have the shape (samples,), (channels, samples) or (samples, channels): the
            shorter axis is the channels. Integers fill their type's range; floats are in [-1, 1].
            Addresses on the network are refused.

    Raises:
        MediaError: not a recording, damaged, over a limit, or with samples that are no numbers.
        MissingExtraError: the package that reads this format is not installed.
    """
    if isinstance(source, Audio):
        return source
    if isinstance(source, tuple):
        if len(source) != 2:
            raise MediaError(f"samples come as (array, rate), got a tuple of {len(source)}")
        return _from_array(*source, "the recording")
    if isinstance(source, Mapping) and "array" in source:
        return _from_array(source["array"], source.get("sampling_rate"), "the recording")
    file = read_file(source, "audio", "recording", MAX_BYTES)
    rate, samples = _decode(file)
    return _from_array(samples, rate, file.name)


def open_samples(audio: Audio) -> Samples:
    """The recording's samples, float32 of shape (samples,), 16,000 a second; read-only."""
    import numpy as np

    return np.frombuffer(audio.data, dtype="<f4")


def wav_bytes(audio: Audio) -> bytes:
    """The recording as a WAV file of 16-bit integers, which every server reads."""
    import numpy as np

    samples = np.clip(np.round(open_samples(audio) * 32768), -32768, 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def _decode(file: MediaFile) -> tuple[int, Any]:
    """Rate and samples of an encoded file, the samples as they are stored in it."""
    if file.data[:4] in {b"RIFF", b"RIFX", b"RF64"} and file.data[8:12] == b"WAVE":
        return _decode_wav(file)
    for magic, kind in _COMPRESSED.items():
        if file.data.startswith(magic):
            return _decode_compressed(file, kind)
    kinds = ", ".join(dict.fromkeys(_COMPRESSED.values()))
    raise MediaError(
        f"{file.name} cannot be read as one of WAV, {kinds}: it starts with {file.data[:8]!r}"
    )


def _decode_wav(file: MediaFile) -> tuple[int, Any]:
    try:
        from scipy.io import wavfile
    except ImportError as error:
        raise MissingExtraError("scipy", "media") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # of chunks it does not know
            warnings.filterwarnings("error", _CUT_SHORT, wavfile.WavFileWarning)
            rate, samples = wavfile.read(io.BytesIO(file.data))
    except (
        wavfile.WavFileWarning,
        ArithmeticError,
        EOFError,
        LookupError,
        MemoryError,
        struct.error,
        TypeError,
        UnboundLocalError,  # scipy's, on a file without a data chunk
        ValueError,
    ) as error:
        raise MediaError(f"{file.name} cannot be read as WAV: {error}") from error
    return rate, samples


def _decode_compressed(file: MediaFile, kind: str) -> tuple[int, Any]:
    try:
        import soundfile
    except ImportError as error:
        raise MissingExtraError("soundfile", "media") from error
    try:
        with soundfile.SoundFile(io.BytesIO(file.data)) as sound:
            _check_size(sound.channels, sound.frames, sound.samplerate, file.name)
            return sound.samplerate, sound.read(dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, MemoryError, TypeError, ValueError) as error:
        raise MediaError(f"{file.name} cannot be read as {kind}: {error}") from error


def _from_array(array: Any, rate: object, name: str) -> Audio:
    import numpy as np

    if not isinstance(rate, int | np.integer) or isinstance(rate, bool):
        raise MediaError(f"{name} needs its samples a second as a whole number, got {rate!r}")
    stored = _as_array(array, name)  # shape (channels, samples)
    channels, samples = stored.shape
    _check_size(channels, samples, int(rate), name)
    mono = _resample(_to_float(stored, name).mean(axis=0), int(rate))
    data = np.clip(mono, -1, 1).astype("<f4").tobytes()
    return Audio(data, hashlib.sha256(data).hexdigest())


def _as_array(array: Any, name: str) -> Any:
    """The samples as an array of shape (channels, samples)."""
    import numpy as np

    try:
        samples = np.asarray(array)
    except (TypeError, ValueError) as error:
        raise MediaError(f"{name} does not hold samples: {error}") from error
    if samples.ndim not in {1, 2} or samples.dtype.kind not in "iuf":
        raise MediaError(
            f"{name} has to be numbers of shape (samples,) or (channels, samples), "
            f"got {samples.dtype} of shape {samples.shape}"
        )
    if samples.ndim == 1:
        return samples[np.newaxis]
    return samples if samples.shape[0] <= samples.shape[1] else samples.T


def _to_float(samples: Any, name: str) -> Samples:
    """Samples in [-1, 1]: integers by their type's range, floats as they are."""
    import numpy as np

    kind = samples.dtype
    if kind.kind == "f":
        peak = float(np.abs(samples).max())
        if not math.isfinite(peak):
            raise MediaError(f"{name} has samples that are no finite numbers")
        if peak > _OVERSHOOT:
            raise MediaError(
                f"{name} has float samples up to {peak:g}; expected [-1, 1]: divide them by their "
                "range, or give them as integers"
            )
        return np.asarray(samples, np.float32)
    half = 2.0 ** (8 * kind.itemsize - 1)
    centre = half if kind.kind == "u" else 0.0
    return np.asarray((samples - np.float32(centre)) / np.float32(half), np.float32)


def _check_size(channels: int, samples: int, rate: int, name: str) -> None:
    if not 1 <= channels <= MAX_CHANNELS:
        raise MediaError(f"{name} has {channels} channels; expected 1 to {MAX_CHANNELS}")
    if not RATES[0] <= rate <= RATES[1]:
        raise MediaError(
            f"{name} has {rate} samples a second; expected {RATES[0]} to {RATES[1]}: "
            "its header may be damaged"
        )
    seconds = samples / rate
    if seconds < MIN_SECONDS:
        raise MediaError(
            f"{name} has {samples} samples, less than {MIN_SECONDS} s: nothing to hear"
        )
    if seconds > MAX_SECONDS:
        raise MediaError(f"{name} lasts {seconds:.0f} s; the limit is {MAX_SECONDS} s")
    if channels * samples > MAX_SAMPLES:
        raise MediaError(
            f"{name} has {channels * samples} samples in all its channels; "
            f"the limit is {MAX_SAMPLES}"
        )


def _resample(samples: Any, rate: int) -> Any:
    if rate == SAMPLE_RATE:
        return samples
    try:
        from scipy.signal import resample_poly
    except ImportError as error:
        raise MissingExtraError("scipy", "media") from error
    common = math.gcd(rate, SAMPLE_RATE)
    return resample_poly(samples, SAMPLE_RATE // common, rate // common)
