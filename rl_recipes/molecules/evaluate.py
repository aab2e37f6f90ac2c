"""Molecules on held-out wishes: what RDKit says of them, and what the judge does."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import correlation, fmean, quantiles
from typing import Any

from judge.errors import RequestError
from judge.nano.wishes import satisfaction, wish_text
from reward.types import Reward
from rl_recipes.judging import judge_samples
from rl_recipes.molecules.chem.alerts import alerts
from rl_recipes.molecules.chem.desirability import desirability
from rl_recipes.molecules.chem.diversity import internal_diversity, novelty, uniqueness
from rl_recipes.molecules.chem.properties import carbon_chain, qed
from rl_recipes.molecules.chem.sa import sa_score
from rl_recipes.molecules.chem.scaffolds import scaffold
from rl_recipes.molecules.chem.validity import ValidMolecule, check
from rl_recipes.molecules.data import Messages, card_of, training_molecules, wish_of
from rl_recipes.molecules.rewards import smiles_of

ANSWERS = "molecules.jsonl"
TOP = 10
"""How many of the most desirable molecules ``top_desirability`` is of."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer to a wish.

    ``smiles`` is canonical, None where the answer is no molecule, for ``refusal``. ``satisfaction``
    is the share of the wish's ranges that it meets, in [0, 1], by RDKit. ``reward`` is the judge's,
    None where it was not asked or gave none, for ``reason``.
    """

    wish: str
    answer: str
    smiles: str | None
    refusal: str | None
    satisfaction: float
    reward: float | None = None
    reason: str | None = None
    rationale: str = ""


def read_answers(prompts: Sequence[Messages], texts: Sequence[str]) -> list[Answered]:
    """The answers against their wishes, not judged yet.

    Raises:
        RequestError: a prompt states no wish.
    """
    return [_read(prompt, text) for prompt, text in zip(prompts, texts, strict=True)]


def _read(prompt: Messages, text: str) -> Answered:
    wish = wish_of(prompt)
    checked = check(smiles_of(text))
    if not isinstance(checked, ValidMolecule):
        return Answered(wish_text(wish), text, None, checked, 0.0)
    met = satisfaction(wish, card_of(checked.smiles))
    return Answered(wish_text(wish), text, checked.smiles, None, met)


async def judge_answers(answers: Sequence[Answered], url: str, rubric: str) -> list[Answered]:
    """The answers with the rewards of the judge at ``url``; only molecules are judged."""
    molecules = [each for each in answers if each.smiles is not None]
    samples: list[dict[str, Any]] = [
        {"prompt": each.wish, "completion": each.answer, "molecule": smiles_of(each.answer)}
        for each in molecules
    ]
    judged = iter(await judge_samples(samples, url, rubric))
    return [each if each.smiles is None else _judged(each, next(judged)) for each in answers]


def _judged(answer: Answered, reward: Reward) -> Answered:
    rationale = reward.rationale or reward.detail
    return replace(answer, reward=reward.value, reason=reward.reason, rationale=rationale)


def figures(answers: Sequence[Answered]) -> dict[str, float]:
    """What RDKit says of the answers, none of which a reward sees; what has no value is left out.

    Over all answers, in [0, 1]: ``wish_satisfaction`` (mean share of ranges met), ``wishes_met``
    (share with all of them met) and ``validity``. ``best_of_wish`` is the mean over the wishes of
    their best answer's satisfaction. The others are those of :func:`chemistry`.
    """
    best: defaultdict[str, float] = defaultdict(float)
    for each in answers:
        best[each.wish] = max(best[each.wish], each.satisfaction)
    found = {
        "wish_satisfaction": fmean(each.satisfaction for each in answers),
        "wishes_met": fmean(each.satisfaction == 1 for each in answers),
        "best_of_wish": fmean(best.values()),
        "validity": fmean(each.smiles is not None for each in answers),
    }
    return {**found, **chemistry([each.smiles for each in answers if each.smiles is not None])}


def chemistry(smiles: Sequence[str]) -> dict[str, float]:
    """What RDKit says of canonical SMILES, whatever was wished for; nothing of none.

    Of all: ``uniqueness``; ``control``, the mean SA score, from 1 to 10, and its quartiles
    ``control_low`` and ``control_high``; the means ``qed``, ``desirability``, ``heavy_atoms`` and
    ``carbon_chain``; ``alerts``, the share with a structural alert. Of the different ones:
    ``novelty``, ``internal_diversity``, ``scaffolds`` (different ones over molecules) and
    ``top_desirability``, the mean of the ``TOP`` best.
    """
    if not smiles:
        return {}
    each = {text: _molecule(text) for text in dict.fromkeys(smiles)}
    different = list(each.values())
    sa = {text: sa_score(molecule) for text, molecule in each.items()}
    liked = {text: desirability(molecule) for text, molecule in each.items()}
    found: dict[str, float | None] = {
        "uniqueness": uniqueness(smiles),
        "control": fmean(sa[text] for text in smiles),
        **dict(_quartiles([sa[text] for text in smiles])),
        "qed": fmean(qed(each[text]) for text in smiles),
        "desirability": fmean(liked[text] for text in smiles),
        "heavy_atoms": fmean(each[text].GetNumHeavyAtoms() for text in smiles),
        "carbon_chain": fmean(carbon_chain(each[text]) for text in smiles),
        "alerts": fmean(bool(alerts(each[text])) for text in smiles),
        "novelty": novelty(smiles, frozenset(training_molecules())),
        "internal_diversity": internal_diversity(different),
        "scaffolds": len({scaffold(molecule) for molecule in different}) / len(different),
        "top_desirability": fmean(sorted(liked.values(), reverse=True)[:TOP]),
    }
    return {name: value for name, value in found.items() if value is not None}


def _quartiles(values: Sequence[float]) -> Iterator[tuple[str, float]]:
    if len(values) > 1:
        low, _, high = quantiles(values, n=4, method="inclusive")
        yield from (("control_low", low), ("control_high", high))


def _molecule(smiles: str) -> Any:
    checked = check(smiles)
    assert isinstance(checked, ValidMolecule), f"{smiles!r} was valid before"
    return checked.molecule


def evaluate_molecules(
    prompts: Sequence[Messages],
    texts: Sequence[str],
    folder: Path,
    *,
    url: str,
    rubric: str,
    against: Path | None = None,
) -> dict[str, float]:
    """The figures of answers, and what the judge says of them; writes ``molecules.jsonl``.

    Beside :func:`figures`: ``reward`` (mean over judged molecules), ``unjudged_rate`` (over
    molecules), ``agreement`` (Pearson correlation of reward and satisfaction) and, with
    ``against``, ``win_rate``: the share of answers that meet more of their wish than the earlier
    ones to it, ties a half.

    Args:
        prompts: of the answers.
        texts: the answers.
        folder: for the file with every answer and the judge's reasoning.
        url: of the reward server.
        rubric: that the judge goes by.
        against: folder of an earlier evaluation of the same prompts.

    Raises:
        RequestError: a prompt states no wish, or ``against`` holds other prompts.
        RewardRequestError: the server refuses the request.
    """
    answers = asyncio.run(judge_answers(read_answers(prompts, texts), url, rubric))
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(each), ensure_ascii=False) for each in answers]
    (folder / ANSWERS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = {**figures(answers), **_judge_figures(answers)}
    if against is not None:
        found["win_rate"] = win_rate(answers, read_earlier(against))
    return found


def _judge_figures(answers: Sequence[Answered]) -> dict[str, float]:
    asked = [each for each in answers if each.smiles is not None]
    judged = [(each.reward, each.satisfaction) for each in asked if each.reward is not None]
    found = {"unjudged_rate": 1 - len(judged) / len(asked)} if asked else {}
    if not judged:
        return found
    rewards, met = zip(*judged, strict=True)
    found["reward"] = fmean(rewards)
    if len(set(rewards)) > 1 and len(set(met)) > 1:
        found["agreement"] = correlation(rewards, met)
    return found


def read_earlier(folder: Path) -> list[Answered]:
    """The answers that :func:`evaluate_molecules` wrote to a folder."""
    with (folder / ANSWERS).open(encoding="utf-8") as lines:
        return [Answered(**json.loads(line)) for line in lines]


def win_rate(answers: Sequence[Answered], earlier: Sequence[Answered]) -> float:
    """Share of answers that meet more of their wish than the earlier ones do, ties a half.

    Raises:
        RequestError: they answer other wishes.
    """
    if [each.wish for each in answers] != [each.wish for each in earlier]:
        raise RequestError("the earlier evaluation is of other wishes; evaluate it on these first")
    met = zip(
        (each.satisfaction for each in answers),
        (each.satisfaction for each in earlier),
        strict=True,
    )
    return fmean(0.5 + 0.5 * ((now > then) - (now < then)) for now, then in met)
