"""The nano teacher reads the truth back from a judge's real prompts, and slips at its rate."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from judge.errors import EngineError, RequestError
from judge.folder import Decoding, JudgeFolder, builtin_profile, open_judge
from judge.judge import Judge
from judge.nano.judging import JudgingSample, Kind, judging_sample
from judge.nano.teacher import NanoTeacher
from judge.rubrics import load_rubric
from judge.sft.curate.single import cut_to_single
from judge.types import Candidate, JudgeRequest, Message, Prompt, Segment
from judge.verdicts import Reason, Unjudged, Verdict

KINDS: tuple[Kind, ...] = ("text", "molecule", "text pair", "molecule pair")


def teacher(carelessness: float = 0.0) -> Judge:
    return Judge.from_folder("nano-teacher", engine="nano-teacher", carelessness=carelessness)


def samples(kind: Kind, count: int) -> list[JudgingSample]:
    rng = random.Random(5)
    return [judging_sample(rng, kind) for _ in range(count)]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_truth_is_found_in_the_prompt(kind: Kind) -> None:
    judge = teacher()
    for sample in samples(kind, 40):
        verdict = await judge.judge(sample.request)
        assert isinstance(verdict, Verdict)
        assert verdict.scores == sample.scores
        assert verdict.reasoning == sample.reasoning


@pytest.mark.parametrize("pair", ["text pair", "molecule pair"])
async def test_one_answers_share_of_the_reasoning_is_its_own_chain(pair: Kind) -> None:
    """So that rows cut out of pairs are what the nano base was pre-trained on."""
    judge = teacher()
    for sample in samples(pair, 20):
        for place, candidate in enumerate(sample.request.candidates):
            request = JudgeRequest(sample.request.question, (candidate,), sample.request.rubric)
            verdict = await judge.judge(request)
            assert isinstance(verdict, Verdict)
            assert cut_to_single(sample.reasoning, 2 if place else 1) == verdict.reasoning
            assert verdict.scores == (sample.scores[place],)


async def test_the_default_prompts_are_read_too() -> None:
    profile = builtin_profile("default")
    judge = Judge(JudgeFolder(profile, "none"), NanoTeacher("none", carelessness=0.0))
    (sample,) = samples("text pair", 1)
    verdict = await judge.judge(sample.request)
    assert isinstance(verdict, Verdict)
    assert verdict.scores == sample.scores


async def test_a_careless_reply_has_one_wrong_score_on_the_scale() -> None:
    judge = teacher(carelessness=1.0)
    for sample in samples("text pair", 40):
        verdict = await judge.judge(sample.request)
        assert isinstance(verdict, Verdict)
        assert sum(a != b for a, b in zip(verdict.scores, sample.scores, strict=True)) == 1
        assert verdict.reasoning == sample.reasoning


async def test_carelessness_is_a_rate_and_depends_on_the_seed() -> None:
    judge = teacher(carelessness=0.25)

    async def slips(seed: int) -> list[bool]:
        decoding = Decoding(seed=seed)
        outcomes = [await judge.judge(sample.request, decoding) for sample in drawn]
        return [
            isinstance(outcome, Verdict) and outcome.scores != sample.scores
            for outcome, sample in zip(outcomes, drawn, strict=True)
        ]

    drawn = samples("text pair", 200)
    first = await slips(0)
    assert 30 <= sum(first) <= 70
    assert await slips(0) == first
    assert await slips(1) != first


async def test_what_it_cannot_read_is_unjudged() -> None:
    captioning = load_rubric("captioning")
    unread = JudgeRequest(("Describe the cat.",), (Candidate("a cat"),), captioning)
    for request in (judging_sample(random.Random(0), "image").request, unread):
        outcome = await teacher().judge(request)
        assert isinstance(outcome, Unjudged)
        assert outcome.reason is Reason.ENGINE_ERROR


async def test_a_prompt_laid_out_otherwise_is_refused() -> None:
    prompt = Prompt((Message("user", (Segment("Rate this.", trusted=True),)),))
    with pytest.raises(EngineError, match="got the sections none"):
        await NanoTeacher("none").generate(prompt, Decoding())


async def test_a_reply_begun_otherwise_is_not_gone_on_with() -> None:
    profile = builtin_profile("nano-judge-answer-first")
    judge = Judge(JudgeFolder(profile, "none"), NanoTeacher("none"))
    outcome = await judge.judge(samples("text", 1)[0].request)
    assert isinstance(outcome, Unjudged)
    assert "has begun it '<answer>'" in outcome.detail


async def test_it_has_no_probabilities() -> None:
    with pytest.raises(EngineError, match="without soft scores"):
        await NanoTeacher("none").next_tokens(Prompt(()))


@pytest.mark.parametrize("carelessness", [-0.1, 1.1])
def test_carelessness_is_a_share(carelessness: float) -> None:
    with pytest.raises(RequestError, match="from 0 to 1"):
        NanoTeacher("none", carelessness=carelessness)


def test_carelessness_is_in_the_fingerprint(tmp_path: Path) -> None:
    assert teacher(0.0).fingerprint != teacher(0.1).fingerprint
    assert open_judge("nano-teacher").profile.name == "nano-teacher"
