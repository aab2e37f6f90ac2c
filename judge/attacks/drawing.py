"""Words drawn onto a picture."""

from __future__ import annotations

from PIL import ImageDraw, ImageFont

from judge.media import load_image, open_pixels
from judge.types import Image

_LINES = 7
"""As many lines of text as high would fill the picture."""
_SMALLEST = 8
"""Size of the smallest letters, in pixels."""


def draw_text(image: Image, text: str) -> Image:
    """The picture with black words on a white strip along its lower edge.

    The letters are a seventh of the picture's height, or smaller where the words would not fit its
    width; what does not fit with the smallest letters is cut off at the right.
    """
    picture = open_pixels(image).copy()
    pen = ImageDraw.Draw(picture)
    size = max(_SMALLEST, picture.height // _LINES)
    font = ImageFont.load_default(size)
    while size > _SMALLEST and pen.textlength(text, font) > picture.width:
        size -= 1
        font = ImageFont.load_default(size)
    top = picture.height - size - 2
    pen.rectangle((0, top, picture.width, picture.height), fill="white")
    pen.text((1, top), text, fill="black", font=font)
    return load_image(picture)
