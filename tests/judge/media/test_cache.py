"""What is kept is bounded by its bytes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import Image as Pillow

from judge.media import images, load_image, load_video, open_pixels
from judge.media.cache import ByteCache
from tests.judge.media.files import encoded, film, plain


def text(length: int) -> Callable[[], str]:
    return lambda: "x" * length


def unwanted() -> str:
    raise AssertionError("this was made again")


def test_value_is_made_once() -> None:
    cache = ByteCache[str](100, len)
    assert cache.get("a", text(10)) == "x" * 10
    assert cache.get("a", unwanted) == "x" * 10


def test_what_was_used_longest_ago_goes_first() -> None:
    cache = ByteCache[str](100, len)
    for name in ("a", "b"):
        cache.get(name, text(40))
    cache.get("a", unwanted)
    cache.get("c", text(40))
    cache.get("a", unwanted)
    cache.get("c", unwanted)
    assert cache.held == 80
    with pytest.raises(AssertionError, match="made again"):
        cache.get("b", unwanted)


def test_value_larger_than_the_cache_is_given_and_not_kept() -> None:
    cache = ByteCache[str](100, len)
    assert len(cache.get("a", text(101))) == 101
    assert cache.held == 0


def test_error_of_the_maker_leaves_the_cache_as_it_was() -> None:
    cache = ByteCache[str](100, len)
    with pytest.raises(AssertionError):
        cache.get("a", unwanted)
    assert cache.get("a", text(3)) == "xxx"


def test_decoded_pixels_are_kept_for_the_group_that_shares_them() -> None:
    data = encoded(plain())
    assert open_pixels(load_image(data)) is open_pixels(load_image(bytes(bytearray(data))))


def test_loaded_video_is_kept_for_the_group_that_shares_it() -> None:
    data = film(4)
    assert load_video(data) is load_video(bytes(bytearray(data)))
    assert load_video(data, fps=5.0) is not load_video(data)


def test_decoded_pixels_are_bounded_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ByteCache[Pillow.Image](3 * 100 * 100, lambda p: 3 * p.width * p.height)
    monkeypatch.setattr(images, "_PIXELS", cache)
    for shade in range(5):
        open_pixels(load_image(plain((100, 60), (shade, 0, 0))))
    assert cache.held == 3 * 100 * 60, "two such pictures are more than the cache may hold"
