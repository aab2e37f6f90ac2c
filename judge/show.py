"""An outcome as a person reads it."""

from __future__ import annotations

import textwrap

from judge.types import Candidate, JudgeRequest
from judge.verdicts import Outcome, Unjudged, Verdict

_EXCERPT = 60


def show_outcome(outcome: Outcome, request: JudgeRequest) -> str:
    """Scores, what is known of them, and the judge's reasoning. Candidates are named A, B, …"""
    if isinstance(outcome, Unjudged):
        lines = [f"unjudged: {outcome.reason} ({outcome.detail})", *_votes(outcome)]
        return "\n".join([*lines, "", outcome.reply])
    low, high = outcome.scale
    if len(outcome.scores) == 1:
        lines = [f"score: {outcome.score:g} ({low:g} to {high:g})"]
    else:
        lines = [
            f"{name(place)}: {score:g} ({low:g} to {high:g})  {_excerpt(request.candidates[place])}"
            for place, score in enumerate(outcome.scores)
        ]
        lines.append("best: tie" if outcome.best is None else f"best: {name(outcome.best)}")
    if outcome.options:
        lines.append(f"choice: {outcome.choice or 'between the options'}")
    lines += [*_soft(outcome), *_votes(outcome)]
    if outcome.flipped is not None:
        lines.append(f"orders: {'the preference flipped' if outcome.flipped else 'they agree'}")
    if outcome.reasks:
        lines.append(f"asked again: {outcome.reasks} times")
    return "\n".join([*lines, "", outcome.reasoning])


def name(place: int) -> str:
    """What the candidate at that place is called."""
    return chr(ord("A") + place)


def _excerpt(candidate: Candidate) -> str:
    text = candidate.text if candidate.molecule is None else candidate.molecule
    if not text and candidate.media:
        return f"[{', '.join(type(each).__name__.lower() for each in candidate.media)}]"
    return textwrap.shorten(text, _EXCERPT, placeholder=" …")


def _soft(verdict: Verdict) -> list[str]:
    return [
        f"soft {name(place)}: spread {each.spread:.2g}, "
        f"{each.outside:.2%} of the probability is no answer"
        for place, each in enumerate(verdict.soft or ())
    ]


def _votes(outcome: Outcome) -> list[str]:
    return [f"votes: {', '.join(map(_vote, outcome.votes))}"] if outcome.votes else []


def _vote(vote: Outcome) -> str:
    if isinstance(vote, Unjudged):
        return f"unread ({vote.reason})"
    return "/".join(f"{score:g}" for score in vote.scores)
