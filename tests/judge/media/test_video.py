"""Frames are those of the stated times, whatever the source; what is no whole film is refused."""

from __future__ import annotations

import builtins
import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from judge import MediaError, MissingExtraError
from judge.media import animations, clips, load_video, open_frames
from judge.media.video import sample
from judge.types import Video
from tests.judge.media.files import encoded, film, plain, tone, wav, with_field

CODECS = [
    pytest.param("MJPG", ".avi", id="avi"),
    pytest.param("mp4v", ".mp4", id="mp4"),
    pytest.param("mp4v", ".mov", id="mov"),
    pytest.param("FFV1", ".mkv", id="matroska"),
]


def shades(video: Video) -> list[int]:
    """The middle pixel's grey of each frame; the films' n-th frame has 10 * n."""
    frames = open_frames(video)
    return [int(frame[frame.shape[0] // 2, frame.shape[1] // 2, 0]) for frame in frames]


def animation(kind: str = "GIF", frames: int = 20, duration: int = 100) -> bytes:
    pictures = [Pillow.new("RGB", (32, 24), (10 * place,) * 3) for place in range(frames)]
    more = {"lossless": True} if kind == "WEBP" else {}
    return encoded(
        pictures[0], kind, save_all=True, append_images=pictures[1:], duration=duration, **more
    )


# --- which frames -------------------------------------------------------------------------------


@pytest.mark.parametrize(("codec", "ending"), CODECS)
def test_frames_are_those_of_the_stated_rate(codec: str, ending: str) -> None:
    video = load_video(film(20, 10.0, codec=codec, ending=ending), fps=2.0)
    assert video.fps == pytest.approx(2.0)
    assert shades(video) == pytest.approx([0, 50, 100, 150], abs=4)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animated_picture_is_a_video(kind: str) -> None:
    video = load_video(animation(kind), fps=2.0)
    assert video.fps == pytest.approx(2.0)
    assert shades(video) == pytest.approx([0, 50, 100, 150], abs=4)


def test_still_picture_is_a_video_of_one_frame() -> None:
    assert len(load_video(encoded(plain())).frames) == 1


def test_transparent_animation_lies_on_white() -> None:
    clear = Pillow.new("RGBA", (8, 8), (255, 0, 0, 0))
    data = encoded(clear, "PNG", save_all=True, append_images=[clear.copy()], duration=1000)
    assert set(shades(load_video(data))) == {255}


def test_default_is_one_frame_a_second() -> None:
    video = load_video(film(25, 10.0))
    assert shades(video) == pytest.approx([0, 100, 200], abs=2), "at 0, 1 and 2 of 2.5 s"


def test_rate_above_the_films_keeps_every_frame() -> None:
    video = load_video(film(6, 10.0), fps=240.0)
    assert len(video.frames) == 6
    assert video.fps == pytest.approx(10.0)


def test_cap_spreads_frames_evenly_and_the_rate_tells() -> None:
    video = load_video(film(20, 10.0), fps=10.0, max_frames=5)
    assert shades(video) == pytest.approx([0, 40, 80, 120, 160], abs=2)
    assert video.fps == pytest.approx(2.5)


def test_large_frames_are_shrunk_in_proportion() -> None:
    video = load_video(film(3, size=(640, 480)), max_pixels=112 * 112)
    frame = video.frames[0]
    assert frame.width * frame.height <= 112 * 112
    assert frame.width / frame.height == pytest.approx(640 / 480, abs=0.02)
    assert open_frames(video).shape == (1, frame.height, frame.width, 3)


def test_small_frames_stay_as_they_are() -> None:
    frame = load_video(film(3, size=(64, 48))).frames[0]
    assert (frame.width, frame.height) == (64, 48)


def test_colours_are_rgb() -> None:
    video = load_video(film(1, colour=(255, 0, 0)))
    red, green, blue = open_frames(video)[0, 24, 32]
    assert red > 240
    assert max(green, blue) < 15


def test_pictures_with_their_rate_are_kept_as_they_are() -> None:
    pictures = [plain((32, 24), (10 * place,) * 3) for place in range(6)]
    video = load_video(pictures, fps=3.0)
    assert shades(video) == [0, 10, 20, 30, 40, 50]
    assert video.fps == pytest.approx(3.0)
    capped = load_video(tuple(pictures), fps=3.0, max_frames=3)
    assert shades(capped) == [0, 20, 40]
    assert capped.fps == pytest.approx(1.5)


def test_sha256_tells_frames_and_rate() -> None:
    pictures = [plain(), plain(colour="blue")]
    one = load_video(pictures, fps=1.0)
    assert load_video(list(pictures), fps=1.0) == one
    assert load_video(pictures, fps=2.0).sha256 != one.sha256, "the same frames, at another pace"
    assert load_video(pictures[::-1], fps=1.0).sha256 != one.sha256


@given(
    gaps=st.lists(st.floats(0.001, 3), min_size=1, max_size=50),
    fps=st.floats(0.01, 100),
    max_frames=st.integers(1, 40),
)
def test_sampled_places_are_ascending_and_within_every_cap(
    gaps: list[float], fps: float, max_frames: int
) -> None:
    times = [sum(gaps[:place]) for place in range(len(gaps))]
    seconds = sum(gaps)
    places, rate = sample(times, seconds, fps, max_frames)
    assert places == sorted(places)
    assert places[0] == 0
    assert 0 <= places[-1] < len(times)
    assert len(places) <= max_frames
    assert 0 < rate <= fps
    assert (len(places) - 1) / rate <= seconds + 1e-6, "no frame is asked for behind the end"


@pytest.mark.parametrize(
    "setting",
    [{"fps": 0}, {"fps": -1.0}, {"fps": float("nan")}, {"max_frames": 0}, {"max_pixels": 0}],
)
def test_setting_out_of_range_is_named(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="have to be above 0"):
        load_video([plain()], **setting)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="no-bytes"),
        pytest.param(b"hello, I am a text", id="text"),
        pytest.param(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", id="playlist"),
        pytest.param(b"ffconcat version 1.0\nfile /etc/passwd\n", id="concat"),
        pytest.param(b"<?xml version='1.0'?><MPD></MPD>", id="dash"),
        pytest.param(wav(tone().astype("f4")), id="recording"),
        pytest.param(encoded(plain(), "JPEG"), id="jpeg"),
    ],
)
def test_what_is_no_film_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"broken\.mp4 cannot be read as one of MP4"):
        load_video(path)


@pytest.mark.parametrize(("codec", "ending"), CODECS)
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_film_cut_short_is_refused(codec: str, ending: str, share: float) -> None:
    data = film(25, 10.0, codec=codec, ending=ending)
    with pytest.raises(MediaError):
        load_video(data[: int(share * len(data))])


def test_film_without_its_frames_is_refused() -> None:
    with pytest.raises(MediaError):
        load_video(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(1000))


def avi_with_rate(scale: int, rate: int) -> bytes:
    """A film of 10 frames whose stream header states ``rate / scale`` frames a second."""
    data = film(10)
    return with_field(data, data.index(b"strh") + 8 + 20, "<II", scale, rate)


@pytest.mark.parametrize(
    ("scale", "rate"), [(1, 0), (0, 0), (0, 10), (1, 2**31), (2**31, 1), (2**32 - 1, 2**32 - 1)]
)
def test_absurd_rate_in_the_header_is_an_error_or_right_frames(scale: int, rate: int) -> None:
    with contextlib.suppress(MediaError):
        assert 1 <= len(load_video(avi_with_rate(scale, rate)).frames) <= 10


def test_film_said_to_last_for_ever_is_refused() -> None:
    with pytest.raises(MediaError, match=r"lasts \d+ s; the limit is 600 s"):
        load_video(avi_with_rate(2**31 - 1, 1))


@pytest.mark.parametrize("size", [(65_535, 65_535), (2**31 - 1, 2**31 - 1), (0, 0)])
def test_absurd_size_in_the_header_is_an_error_or_right_frames(size: tuple[int, int]) -> None:
    data = film(10)
    place = data.index(b"strf") + 8 + 4
    with contextlib.suppress(MediaError):
        frame = load_video(with_field(data, place, "<ii", *size)).frames[0]
        assert (frame.width, frame.height) == (64, 48)


def test_film_of_too_large_frames_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(MediaError, match="frames of 64x48 pixels; the limit is 3071 in all"):
        load_video(film(2, 7.0))


def test_film_of_too_many_pixels_in_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "MAX_PIXELS_IN_ALL", 64 * 48 * 5)
    with pytest.raises(MediaError, match="6 frames of 3072 pixels"):
        load_video(film(22))


def test_film_that_lasts_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "MAX_SECONDS", 1)
    with pytest.raises(MediaError, match="lasts 2 s; the limit is 1 s"):
        load_video(film(21))


def test_endless_animation_is_refused_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animations, "MAX_PIXELS_IN_ALL", 32 * 24 * 5)
    with pytest.raises(MediaError, match="pixels in all its frames; give it as a video"):
        load_video(animation())
    with pytest.raises(MediaError, match="lasts"):
        load_video(animation(frames=3, duration=400_000))


def test_animation_that_states_no_duration_is_shown_as_browsers_do() -> None:
    assert load_video(animation(frames=10, duration=0), fps=100).fps == pytest.approx(10)


@pytest.mark.parametrize("pictures", [[], [b"no picture"], [plain((4, 4)), plain((4, 5))], [3]])
def test_pictures_that_make_no_video_are_refused(pictures: list[Any]) -> None:
    with pytest.raises(MediaError):
        load_video(pictures)


def test_missing_opencv_is_named_with_the_extra_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = film(3, 7.0)
    real_import = builtins.__import__

    def without_opencv(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "cv2":
            raise ImportError(name)
        return real_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_opencv)
    with pytest.raises(MissingExtraError, match=r"pip install 'flexreward\[media\]'"):
        load_video(data)


DAMAGE_SEEDS = [
    film(6, codec="MJPG", ending=".avi"),
    film(6, codec="mp4v", ending=".mp4"),
    film(6, codec="FFV1", ending=".mkv"),
    animation(frames=4),
    animation("WEBP", frames=4),
]


@given(
    seed=st.sampled_from(DAMAGE_SEEDS),
    places=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
    keep=st.floats(0.01, 1),
)
def test_damaged_film_is_a_video_or_a_media_error(
    seed: bytes, places: list[tuple[float, int]], keep: float
) -> None:
    data = bytearray(seed)
    for place, value in places:
        data[int(place * len(data))] = value
    try:
        video = load_video(bytes(data[: max(1, int(keep * len(data)))]), fps=5.0)
    except MediaError:
        return
    frames = open_frames(video)
    assert frames.dtype == np.uint8
    assert 1 <= len(frames) <= 64
