"""Pictures to caption, from the synthetic world."""

from __future__ import annotations

import random
from dataclasses import dataclass

from datasets import Dataset
from PIL import Image

from judge.nano.scenes import Scene, draw_scene, render
from judge.nano.tasks import CAPTION_INSTRUCTION

PROMPT = [{"role": "user", "content": CAPTION_INSTRUCTION}]
"""The captioner's prompt; TRL puts the row's picture before the text."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A picture for evaluation and the scene it shows, which no reward ever sees."""

    scene: Scene
    picture: Image.Image


def training_pictures(count: int, seed: int) -> Dataset:
    """Rows for TRL's trainers: ``prompt`` and ``image``, and nothing of the truth."""
    rng = random.Random(f"captioning/train/{seed}")
    pictures = [render(draw_scene(rng), rng) for _ in range(count)]
    return Dataset.from_dict({"prompt": [PROMPT] * count, "image": pictures})


def held_out(count: int, seed: int = 0) -> list[HeldOut]:
    """Pictures from a stream that training does not draw from."""
    rng = random.Random(f"captioning/held-out/{seed}")
    scenes = [draw_scene(rng) for _ in range(count)]
    return [HeldOut(scene, render(scene, rng)) for scene in scenes]
