"""A request in parts, each for one replica, and the parts' answers as one. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from reward.scale.exchange import Answered

SPLIT = frozenset({"/v1/rewards", "/v1/judgements"})
"""Whose samples stand each for itself."""
WHOLE = frozenset({"/v1/groups"})
_RUN = 32
"""Most samples in one part: very large groups are worth several replicas."""


@dataclass(frozen=True, slots=True)
class Part:
    """Samples of a request by their ``places``, and the ``key`` that chooses their replica."""

    key: str
    places: tuple[int, ...]


def split(samples: Sequence[Mapping[str, Any]]) -> list[Part]:
    """Samples that share their first picture, or else their prompt, stay together."""
    places: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        places.setdefault(key_of(sample), []).append(place)
    return [
        Part(key if start == 0 else f"{key}/{start}", tuple(own[start : start + _RUN]))
        for key, own in places.items()
        for start in range(0, len(own), _RUN)
    ]


def key_of(sample: Mapping[str, Any]) -> str:
    """What the samples of a group have in common: the first picture, or the prompt."""
    images = sample.get("images")
    common = images[0] if isinstance(images, list) and images else sample.get("prompt")
    if isinstance(common, str) and common.startswith("sha256:"):
        return common
    return sha256(json.dumps(common).encode()).hexdigest()


def group_key(body: Mapping[str, Any]) -> str:
    """What the parts of a group have in common that ranks bring on their own."""
    cohort, samples = body.get("cohort"), body.get("samples")
    if isinstance(cohort, dict) and isinstance(cohort.get("id"), str):
        return str(cohort["id"])
    first = samples[0] if isinstance(samples, list) and samples else {}
    return key_of(first) if isinstance(first, dict) else ""


def joined(parts: Sequence[Part], answers: Sequence[Answered]) -> Answered:
    """The parts' answers as one; where one is none, that one. There has to be at least one part."""
    failed = [each for each in answers if each.status != 200]
    if failed:
        return failed[0]
    bodies = [answer.json() for answer in answers]
    results = {
        place: result
        for part, body in zip(parts, bodies, strict=True)
        for place, result in zip(part.places, body["results"], strict=True)
    }
    whole = {**bodies[0], "results": [results[place] for place in range(len(results))]}
    return Answered(200, (("content-type", "application/json"),), json.dumps(whole).encode())
