"""A judgement as a plain record: what is added to a judged row, in JSON and in Parquet alike.

Every record has every key; null is where a value does not apply.

    protocol     pointwise, pairwise, listwise or choice; null for a row that could not be read
    score        the score, where one candidate was judged
    scores       one a candidate, in the row's order (one candidate's too); null if unjudged
    best         place (from 0) of the candidate with the highest score; null where several share it
    choice       the option chosen, e.g. "A>B"
    soft         with --soft, {value, spread, outside} of each candidate: the expected score, its
                 standard deviation, and the probability of all that is no answer
    votes        scores of each reply, null for one that could not be read; empty after one reply
    flipped      with --both-orders, whether the preferred candidate changed with the order
    reasks       replies that could not be read and were asked again
    reason       why there is no score; null if there is one
    detail       the reason in words
    reasoning    what the judge wrote before its answer; its whole reply if unjudged
    judge        fingerprint of the judge
    rubric       fingerprint of the rubric; null where each row names its own
    usage        {prompt_tokens, completion_tokens} of all replies
"""

from __future__ import annotations

from typing import Any

from judge.types import ProtocolName
from judge.verdicts import Outcome, Unjudged, Verdict

KEY = "judgement"
"""Column that a record is added to a row as."""


def record(
    outcome: Outcome, protocol: ProtocolName | None, maker: dict[str, str | None]
) -> dict[str, Any]:
    """The record of an outcome.

    Args:
        outcome: the verdict, or why there is none.
        protocol: as which the row was judged.
        maker: fingerprints of ``judge`` and ``rubric``.
    """
    verdict = outcome if isinstance(outcome, Verdict) else None
    unjudged = outcome if isinstance(outcome, Unjudged) else None
    written = outcome.reasoning if isinstance(outcome, Verdict) else outcome.reply
    scores = _scores(outcome)
    return {
        "protocol": protocol,
        "score": scores[0] if scores and len(scores) == 1 else None,
        "scores": scores,
        "best": verdict.best if verdict and len(verdict.scores) > 1 else None,
        "choice": verdict.choice if verdict else None,
        "soft": _soft(verdict) if verdict else None,
        "votes": [_scores(vote) for vote in outcome.votes],
        "flipped": verdict.flipped if verdict else None,
        "reasks": outcome.reasks,
        "reason": unjudged.reason.value if unjudged else None,
        "detail": _printable(unjudged.detail) if unjudged else None,
        "reasoning": _printable(written),
        **maker,
        # Not the cached tokens: they tell of the run, and a resumed file is to equal a whole one.
        "usage": {
            "prompt_tokens": outcome.usage.prompt_tokens,
            "completion_tokens": outcome.usage.completion_tokens,
        },
    }


def record_type() -> Any:
    """The ``pyarrow`` type of a record."""
    import pyarrow as pa

    number, text = pa.float64(), pa.string()
    soft = pa.struct([("value", number), ("spread", number), ("outside", number)])
    usage = pa.struct([("prompt_tokens", pa.int64()), ("completion_tokens", pa.int64())])
    return pa.struct(
        [
            ("protocol", text),
            ("score", number),
            ("scores", pa.list_(number)),
            ("best", pa.int64()),
            ("choice", text),
            ("soft", pa.list_(soft)),
            ("votes", pa.list_(pa.list_(number))),
            ("flipped", pa.bool_()),
            ("reasks", pa.int64()),
            ("reason", text),
            ("detail", text),
            ("reasoning", text),
            ("judge", text),
            ("rubric", text),
            ("usage", usage),
        ]
    )


def _scores(outcome: Outcome) -> list[float] | None:
    return list(outcome.scores) if isinstance(outcome, Verdict) else None


def _soft(verdict: Verdict) -> list[dict[str, float]] | None:
    if verdict.soft is None:
        return None
    return [
        {"value": each.value, "spread": each.spread, "outside": each.outside}
        for each in verdict.soft
    ]


def _printable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
