"""What a client sends and what it reads back, as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from judge.errors import RequestError
from judge.media import load_image
from judge.rows import read_row
from judge.types import Image, Usage
from judge.verdicts import Reason
from reward.types import Reward

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8471
"""TRL's own vLLM server takes 8000."""
DEFAULT_URL = f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"
DEFAULT_DEADLINE_S = 300.0
"""Time for all samples of one call, in seconds; well below ``ddp_timeout`` (1800 s)."""
MAX_SAMPLES = 1024
"""Most samples in one request."""


class Pictures:
    """Loads pictures, each source once: a GRPO group repeats the same object.

    Sources are told apart by identity; they are kept, so that none can take another's.
    """

    def __init__(self) -> None:
        self._loaded: dict[int | str, tuple[Any, Image]] = {}

    def load(self, source: Any) -> Image:
        """The checked picture.

        Raises:
            MediaError: as :func:`judge.load_image`.
        """
        key = source if isinstance(source, str) else id(source)
        if key not in self._loaded:
            self._loaded[key] = (source, load_image(source))
        return self._loaded[key][1]


@dataclass(frozen=True, slots=True)
class WireSample:
    """A sample as it is sent: its JSON fields, and the pictures that these name by hash."""

    fields: dict[str, Any]
    images: tuple[Image, ...]


def encode_sample(row: Mapping[str, Any], pictures: Pictures) -> WireSample:
    """The row as it is sent.

    Args:
        row: columns as :func:`judge.request_from_row` takes them; others are left alone.
        pictures: loads the row's pictures.

    Raises:
        RequestError: a column of another shape, or a picture that cannot be read.
    """
    read = read_row(row)
    if len(read.candidates) != 1:
        raise RequestError(f"a reward is of one candidate, got {len(read.candidates)}")
    (candidate,) = read.candidates
    for source in (*read.media, *candidate.media):
        if source.column not in {"image", "images"}:
            raise RequestError(
                f"a reward server takes no {source.column!r}; use judge.Judge in this process"
            )
    texts = {
        "id": read.id or None,
        "prompt": read.prompt,
        "completion": candidate.text,
        "molecule": candidate.molecule,
        "reference": read.reference,
    }
    fields: dict[str, Any] = {
        name: encodable(text) for name, text in texts.items() if text is not None
    }
    images = tuple(pictures.load(source.source) for source in read.media)
    if images:
        fields["images"] = [f"sha256:{image.sha256}" for image in images]
    return WireSample(fields, images)


def encodable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, made question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def decode_results(answer: Any, count: int) -> list[Reward]:
    """The rewards in a server's answer to ``count`` samples.

    Raises:
        ValueError: the answer is not one to that many samples.
    """
    try:
        results = answer["results"]
        if len(results) != count:
            raise ValueError(f"{len(results)} results came for {count} samples")
        return [_decode_result(result) for result in results]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an answer of /v1/rewards: {error!r}") from error


def _decode_result(result: Mapping[str, Any]) -> Reward:
    value, score, reason = result["reward"], result["score"], result["reason"]
    usage = result["usage"]
    return Reward(
        None if value is None else float(value),
        None if score is None else float(score),
        None if reason is None else Reason(reason),
        rationale=str(result["rationale"]),
        detail=str(result["detail"]),
        usage=Usage(int(usage["prompt_tokens"]), int(usage["completion_tokens"])),
        parts=tuple((str(name), float(part)) for name, part in result["parts"].items()),
    )
