"""Whatever the source, the same sound: one channel, 16 kHz, scaled once."""

from __future__ import annotations

import builtins
import io
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import MediaError, MissingExtraError
from judge.media import audio as audio_module
from judge.media import load_audio, open_samples, wav_bytes
from judge.types import SAMPLE_RATE, Audio
from tests.judge.media.files import encoded, film, plain, tone, wav, wav24, with_field

TONE = tone()
SHORT = (TONE * 32767).astype("i2")
DATA_SIZE = 40
"""Place of the data chunk's size in a plain WAV file, after RIFF, fmt and the chunk's name."""


def assert_sounds_like(audio: Audio, expected: np.ndarray, within: float) -> None:
    samples = open_samples(audio)
    assert samples.dtype == np.float32
    assert samples.shape == expected.shape
    assert np.abs(samples - expected).max() <= within


# --- one scaling --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "step"),
    [
        pytest.param(wav((TONE * 127 + 128).astype("u1")), 2**-7, id="8-bit"),
        pytest.param(wav(SHORT), 2**-15, id="16-bit"),
        pytest.param(wav24(TONE), 2**-23, id="24-bit"),
        pytest.param(wav((TONE * (2**31 - 1)).astype("i4")), 2**-22, id="32-bit"),
        pytest.param(wav(TONE.astype("f4")), 2**-24, id="float"),
        pytest.param(wav(TONE), 2**-24, id="double"),
    ],
)
def test_wav_of_every_depth_is_the_same_sound(data: bytes, step: float) -> None:
    assert_sounds_like(load_audio(data), TONE, within=3 * step)


@pytest.mark.parametrize(
    ("samples", "step"),
    [
        pytest.param(TONE, 2**-24, id="double"),
        pytest.param(TONE.astype("f4"), 2**-24, id="float"),
        pytest.param(TONE.astype("f2"), 2**-11, id="half"),
        pytest.param(SHORT, 2**-15, id="16-bit"),
        pytest.param((TONE * 127).astype("i1"), 2**-7, id="8-bit-signed"),
        pytest.param((TONE * 32767 + 32768).astype("u2"), 2**-15, id="16-bit-unsigned"),
        pytest.param(TONE.tolist(), 2**-24, id="list"),
    ],
)
def test_array_of_every_type_is_the_same_sound(samples: Any, step: float) -> None:
    assert_sounds_like(load_audio((samples, SAMPLE_RATE)), TONE, within=3 * step)
    row = {"array": samples, "sampling_rate": SAMPLE_RATE, "path": None}
    assert_sounds_like(load_audio(row), TONE, within=3 * step)


def test_quiet_recording_stays_quiet() -> None:
    quiet = (SHORT // 1000).astype("i2")
    for source in (wav(quiet), (quiet, SAMPLE_RATE), (quiet / 32768, SAMPLE_RATE)):
        assert_sounds_like(load_audio(source), quiet / 32768, within=2**-20)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 16_001])
def test_other_rates_are_resampled(rate: int) -> None:
    audio = load_audio((tone(rate), rate))
    samples = open_samples(audio)
    assert audio.seconds == pytest.approx(0.5, abs=0.01)
    middle = slice(800, 7200)  # away from where the sound starts and ends
    assert np.abs(samples[middle] - TONE[middle]).max() < 0.02


def test_resampling_leaves_no_sound_that_was_not_there() -> None:
    high = tone(44_100, hertz=15_000)  # above what 16 kHz can hold: it would fold down to 1 kHz
    assert np.abs(open_samples(load_audio((high, 44_100)))[800:7200]).max() < 0.02


@pytest.mark.parametrize("axis", [0, 1], ids=["channels-first", "channels-last"])
def test_channels_are_averaged(axis: int) -> None:
    both = np.stack([TONE, -0.5 * TONE], axis=axis)
    assert_sounds_like(load_audio((both, SAMPLE_RATE)), 0.25 * TONE, within=2**-20)


def test_stereo_wav_is_averaged() -> None:
    both = np.stack([TONE, np.zeros_like(TONE)], axis=1).astype("f4")
    assert_sounds_like(load_audio(wav(both)), 0.5 * TONE, within=2**-20)


def test_floats_a_little_above_one_are_clipped() -> None:
    assert np.abs(open_samples(load_audio((TONE * 2.4, SAMPLE_RATE)))).max() == 1.0


def test_floats_that_were_never_scaled_are_refused() -> None:
    with pytest.raises(MediaError, match=r"float samples up to 16383; expected \[-1, 1\]"):
        load_audio((SHORT.astype("f4"), SAMPLE_RATE))


def test_wav_of_a_recording_comes_back_to_the_bit() -> None:
    audio = load_audio(wav(SHORT))
    assert load_audio(wav_bytes(audio)) == audio
    with wave.open(io.BytesIO(wav_bytes(audio))) as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (
            1,
            2,
            16000,
        )


def test_extremes_of_sixteen_bits_come_back_to_the_bit() -> None:
    samples = np.resize(np.array([-32768, 32767, 0, 1, -1], "i2"), 2000)
    audio = load_audio((samples, SAMPLE_RATE))
    assert load_audio(wav_bytes(audio)) == audio


def test_wav_with_chunks_that_are_not_sound_is_read() -> None:
    data = wav(SHORT)
    extra = b"bext" + struct.pack("<I", 8) + b"whatever" + b"LIST" + struct.pack("<I", 4) + b"INFO"
    grown = with_field(data[:12] + extra + data[12:], 4, "<I", len(data) + len(extra) - 8)
    assert load_audio(grown) == load_audio(data)


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3", "AIFF"])
def test_other_formats_are_read_by_soundfile(kind: str, tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile", reason="the extra 'media' brings it")
    path = tmp_path / "sound"
    soundfile.write(path, tone(seconds=1), SAMPLE_RATE, format=kind)
    audio = load_audio(path)
    loudness = float(np.sqrt(np.mean(open_samples(audio)[4000:12000] ** 2)))
    assert audio.seconds == pytest.approx(1, abs=0.15)
    assert loudness == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_missing_soundfile_is_named_with_the_extra_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real_import = builtins.__import__

    def without_soundfile(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "soundfile":
            raise ImportError(name)
        return real_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_soundfile)
    with pytest.raises(MissingExtraError, match=r"pip install 'flexreward\[media\]'"):
        load_audio(b"fLaC" + bytes(100))


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="no-bytes"),
        pytest.param(b"hello, I am a text", id="text"),
        pytest.param(encoded(plain()), id="picture"),
        pytest.param(film(2), id="film"),
        pytest.param(b"RIFF\x04\0\0\0WAVE", id="nothing-in-it"),
        pytest.param(wav(SHORT)[:30], id="cut-in-the-header"),
        pytest.param(wav(SHORT)[:44], id="no-samples"),
        pytest.param(wav(SHORT)[:-2000], id="cut-short"),
        pytest.param(with_field(wav(SHORT), 4, "<I", 0), id="said-to-be-empty"),
        pytest.param(with_field(wav(SHORT), 20, "<H", 7), id="mu-law"),
        pytest.param(with_field(wav(SHORT), 22, "<H", 0), id="no-channels"),
        pytest.param(with_field(wav(SHORT), 32, "<H", 0), id="no-bytes-a-sample"),
        pytest.param(with_field(wav(SHORT), DATA_SIZE, "<I", 7), id="odd-size"),
        pytest.param(b"fLaC" + bytes(100), id="damaged-flac"),
        pytest.param(b"OggS" + bytes(100), id="damaged-ogg"),
        pytest.param(b"ID3" + bytes(100), id="damaged-mp3"),
    ],
)
def test_bytes_that_are_no_whole_recording_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"broken\.wav"):
        load_audio(path)


@pytest.mark.parametrize("rate", [0, 1, -16_000, 3_999, 10**9])
def test_absurd_rate_is_refused(rate: int) -> None:
    with pytest.raises(MediaError, match="samples a second; expected 4000 to 384000"):
        load_audio((TONE, rate))


def test_absurd_rate_in_a_header_is_refused() -> None:
    for rate in (0, 1, 2**31 - 1):
        with pytest.raises(MediaError, match="samples a second; expected 4000 to 384000"):
            load_audio(with_field(wav(SHORT), 24, "<II", rate, 2 * rate % 2**32))


@pytest.mark.parametrize("rate", [None, 16_000.0, "16000", True])
def test_rate_that_is_no_whole_number_is_refused(rate: Any) -> None:
    with pytest.raises(MediaError, match="needs its samples a second as a whole number"):
        load_audio({"array": TONE, "sampling_rate": rate})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(value: float) -> None:
    damaged = TONE.copy()
    damaged[100] = value
    for source in ((damaged, SAMPLE_RATE), wav(damaged.astype("f4"))):
        with pytest.raises(MediaError, match="no finite numbers"):
            load_audio(source)


@pytest.mark.parametrize("count", [0, 1, 799])
def test_too_few_samples_are_refused(count: int) -> None:
    with pytest.raises(MediaError, match=f"{count} samples, less than 0.05 s"):
        load_audio((np.zeros(count), SAMPLE_RATE))


def test_too_long_a_recording_is_refused() -> None:
    with pytest.raises(MediaError, match="lasts 301 s; the limit is 300 s"):
        load_audio((np.zeros(301 * 4000, "i2"), 4000))


def test_hours_of_silence_in_a_small_file_are_refused_before_they_are_decoded() -> None:
    soundfile = pytest.importorskip("soundfile", reason="the extra 'media' brings it")
    file = io.BytesIO()
    soundfile.write(file, np.zeros(4_000_000, "i2"), 4_000, format="FLAC")
    assert len(file.getvalue()) < 100_000
    with pytest.raises(MediaError, match="lasts 1000 s"):
        load_audio(file.getvalue())


def test_too_many_samples_in_all_channels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_module, "MAX_SAMPLES", 2 * len(TONE) - 1)
    load_audio((TONE, SAMPLE_RATE))
    with pytest.raises(MediaError, match="16000 samples in all its channels; the limit is 15999"):
        load_audio((np.stack([TONE, TONE]), SAMPLE_RATE))


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.zeros((2, 2, 2)), id="three-axes"),
        pytest.param(np.zeros((0, 8000)), id="no-channels"),
        pytest.param(np.zeros((40, 8000)), id="forty-channels"),
        pytest.param(np.zeros(8000, bool), id="truth-values"),
        pytest.param(np.zeros(8000, complex), id="complex"),
        pytest.param(["a", "b"], id="words"),
        pytest.param([[1.0], [1.0, 2.0]], id="ragged"),
        pytest.param(None, id="none"),
    ],
)
def test_arrays_that_are_no_sound_are_refused(array: Any) -> None:
    with pytest.raises(MediaError):
        load_audio((array, SAMPLE_RATE))


def test_tuple_of_another_length_is_refused() -> None:
    with pytest.raises(MediaError, match=r"\(array, rate\), got a tuple of 3"):
        load_audio((TONE, SAMPLE_RATE, 1))  # type: ignore[arg-type]


@given(
    seed=st.sampled_from([wav(SHORT[:2000]), wav(TONE[:2000]), wav24(TONE[:2000])]),
    places=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=6),
    keep=st.floats(0.01, 1),
)
def test_damaged_wav_is_a_recording_or_a_media_error(
    seed: bytes, places: list[tuple[int, int]], keep: float
) -> None:
    data = bytearray(seed)
    for place, value in places:
        data[place % len(data)] = value
    try:
        audio = load_audio(bytes(data[: max(1, int(keep * len(data)))]))
    except MediaError:
        return
    samples = open_samples(audio)
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1
