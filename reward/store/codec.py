"""Requests and outcomes as texts that every database can hold, and back without loss."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from hashlib import sha256
from typing import Any

from judge.folder import Decoding
from judge.types import Audio, Candidate, Image, JudgeRequest, Part, Usage, Video
from judge.verdicts import Outcome, Reason, SoftScore, Unjudged, Verdict

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_SURROGATE = re.compile("[\ud800-\udfff]")


def request_key(request: JudgeRequest, judge: str, decoding: Decoding) -> str:
    """The hash (SHA-256, hex) of all that a judge's answer depends on.

    Two requests have the same key where text, media (by their bytes), rubric, protocol, judge and
    decoding are the same; the request's ``id`` does not matter.

    Args:
        request: what is asked.
        judge: the judge's fingerprint.
        decoding: how the answer is sampled.
    """
    content = {
        **_content(request),
        "rubric": request.rubric.fingerprint(),
        "protocol": request.protocol,
        "judge": judge,
        "decoding": _decoding(decoding),
    }
    return sha256(_dumps(content).encode()).hexdigest()


def encode_request(request: JudgeRequest) -> str:
    """The request as JSON, with media named by their hash; its rubric and protocol stay outside."""
    return _dumps({"id": request.id, **_content(request)})


def encode_outcome(outcome: Outcome) -> str:
    """The outcome as JSON, every field of it."""
    return _dumps(outcome_fields(outcome))


def decode_outcome(text: str) -> Outcome:
    """The outcome that :func:`encode_outcome` was given.

    Raises:
        ValueError, KeyError, TypeError: the text holds none.
    """
    return outcome_of(json.loads(text))


def _content(request: JudgeRequest) -> dict[str, Any]:
    return {
        "question": [_part(part) for part in request.question],
        "candidates": [_candidate(candidate) for candidate in request.candidates],
        "reference": request.reference,
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "text": candidate.text,
        "molecule": candidate.molecule,
        "media": [_part(media) for media in candidate.media],
    }


def _part(part: Part) -> str | dict[str, str]:
    match part:
        case Image():
            return {"image": part.sha256}
        case Video():
            return {"video": part.sha256}
        case Audio():
            return {"audio": part.sha256}
    return part


def _dumps(value: object) -> str:
    """JSON without the characters that UTF-8 (lone surrogates) or PostgreSQL (NUL) cannot hold.

    Both are escaped; JSON itself escapes NUL.
    """
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", _to_json(value))


@lru_cache(maxsize=256)
def _decoding(decoding: Decoding) -> Mapping[str, Any]:
    return asdict(decoding)


def outcome_fields(outcome: Outcome) -> dict[str, Any]:
    """The outcome's fields as values of JSON; ``dataclasses.asdict`` takes ten times as long."""
    shared = {
        "reply": outcome.reply,
        "usage": _usage(outcome.usage),
        "votes": [outcome_fields(vote) for vote in outcome.votes],
        "reasks": outcome.reasks,
    }
    if isinstance(outcome, Unjudged):
        return {"reason": outcome.reason.value, "detail": outcome.detail, **shared}
    return {
        "scores": outcome.scores,
        "scale": outcome.scale,
        "reasoning": outcome.reasoning,
        "options": outcome.options,
        "soft": None if outcome.soft is None else [asdict(each) for each in outcome.soft],
        "flipped": outcome.flipped,
        **shared,
    }


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
    }


def outcome_of(fields: Mapping[str, Any]) -> Outcome:
    """The outcome of which :func:`outcome_fields` are these, as they come out of JSON.

    Raises:
        ValueError, KeyError, TypeError: they are none.
    """
    shared: dict[str, Any] = {
        "reply": fields["reply"],
        "usage": Usage(**fields["usage"]),
        "votes": tuple(outcome_of(vote) for vote in fields["votes"]),
        "reasks": fields["reasks"],
    }
    if "reason" in fields:
        return Unjudged(Reason(fields["reason"]), fields["detail"], **shared)
    low, high = fields["scale"]
    soft = fields["soft"]
    return Verdict(
        scores=tuple(fields["scores"]),
        scale=(low, high),
        reasoning=fields["reasoning"],
        options=tuple((name, tuple(points)) for name, points in fields["options"]),
        soft=None if soft is None else tuple(SoftScore(**each) for each in soft),
        flipped=fields["flipped"],
        **shared,
    )
