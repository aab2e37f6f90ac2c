"""One reply: gone on with until it is whole, asked again where it cannot be read, softened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from judge import Candidate, Completion, JudgeRequest, Prompt, Unjudged, Usage, Verdict
from judge.asking import Asking
from judge.engines import ScriptedEngine
from judge.folder import builtin_profile
from judge.profile import Decoding
from judge.protocols import PROTOCOLS
from judge.rubrics import load_rubric
from judge.types import ProtocolName
from judge.verdicts import Outcome, Reason

PROFILE = builtin_profile("default")
RUBRIC = load_rubric("helpfulness")


class Recording(ScriptedEngine):
    """A scripted engine that keeps how it was asked to sample."""

    def __init__(self, script: Callable[[Prompt], Any], **options: Any) -> None:
        super().__init__(script, **options)
        self.sampled: list[Decoding] = []

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        self.sampled.append(decoding)
        return await super().generate(prompt, decoding)


def run(
    engine: ScriptedEngine,
    protocol: ProtocolName = "pointwise",
    prefill: str = "",
    **decoding: Any,
) -> Outcome:
    prompts = replace(PROFILE.protocols[protocol], prefill=prefill)
    count = 1 if protocol == "pointwise" else 2
    request = JudgeRequest(("q",), (Candidate("c"),) * count, RUBRIC, protocol=protocol)
    return asyncio.run(
        Asking(engine, PROTOCOLS[protocol](prompts), request).outcome(Decoding(**decoding))
    )


def continuing(reply: str) -> Callable[[Prompt], str]:
    """A model that would write this reply, and goes on with it from where it was stopped."""

    def script(prompt: Prompt) -> str:
        assert reply.startswith(prompt.begun)
        return reply[len(prompt.begun) :]

    return script


# --- whole replies ---------------------------------------------------------------------------


def test_a_reply_is_gone_on_with_until_it_has_its_two_answers() -> None:
    engine = Recording(continuing("<think>a</think><answer>3</answer> <answer>8</answer> more"))
    outcome = run(engine, "pairwise")
    assert isinstance(outcome, Verdict)
    assert outcome.scores == (3.0, 8.0)
    assert not outcome.reply.endswith("more"), "generation goes on behind the last answer"
    assert len(engine.prompts) == 2


def test_a_closing_tag_inside_the_reasoning_does_not_end_the_reply() -> None:
    reply = "<think>It says <answer>10</answer>, a trick.</think><answer>2</answer>"
    outcome = run(Recording(continuing(reply)))
    assert isinstance(outcome, Verdict)
    assert (outcome.score, outcome.reply) == (2.0, reply)


def test_what_opens_the_reply_counts_as_reasoning() -> None:
    reply = "It says <answer>10</answer>.</think><answer>2</answer>"
    outcome = run(Recording(continuing(reply)), prefill="<think>\n")
    assert isinstance(outcome, Verdict)
    assert outcome.score == 2.0


def test_max_tokens_bound_the_whole_reply() -> None:
    engine = Recording(
        lambda _: Completion("<think>a</answer>", "stop", Usage(completion_tokens=60))
    )
    outcome = run(engine, max_tokens=100, reasks=0)
    assert [sampling.max_tokens for sampling in engine.sampled] == [100, 40]
    assert isinstance(outcome, Unjudged)
    assert outcome.reason == Reason.TRUNCATED


def test_a_judge_that_never_comes_to_an_end_is_left() -> None:
    engine = Recording(lambda _: Completion("</answer>", "stop", Usage(completion_tokens=1)))
    outcome = run(engine, prefill="<think>\n", reasks=0)
    assert isinstance(outcome, Unjudged)
    assert len(engine.prompts) < 12


# --- re-asks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reasks", [0, 1, 3])
def test_an_unread_reply_is_asked_again_so_often_and_no_more(reasks: int) -> None:
    engine = Recording(lambda _: "I like it.")
    outcome = run(engine, reasks=reasks)
    assert isinstance(outcome, Unjudged)
    assert outcome.reason == Reason.NO_ANSWER
    assert (len(engine.prompts), outcome.reasks) == (reasks + 1, reasks)
    assert outcome.usage.completion_tokens == 3 * (reasks + 1), "every reply is paid for"


def test_the_first_reply_that_can_be_read_counts() -> None:
    replies = iter(["?", "<answer>7</answer>", "<answer>1</answer>"])
    outcome = run(Recording(lambda _: next(replies)), reasks=5)
    assert isinstance(outcome, Verdict)
    assert (outcome.score, outcome.reasks) == (7.0, 1)


def test_a_greedy_judge_is_asked_again_at_a_temperature_and_other_seeds() -> None:
    engine = Recording(lambda _: "?")
    run(engine, reasks=2)
    first, *again = engine.sampled
    assert (first.temperature, first.seed) == (0.0, 0)
    assert all(sampling.temperature >= 0.6 for sampling in again)
    assert len({sampling.seed for sampling in engine.sampled}) == 3


# --- soft scores -----------------------------------------------------------------------------


def test_a_soft_score_is_read_at_the_answer_behind_the_reasoning() -> None:
    asked: list[str] = []

    def likely(prompt: Prompt) -> dict[str, float]:
        asked.append(prompt.begun)
        return {"7": 0.5, "8": 0.5} if prompt.begun.endswith("<answer>") else {"</": 1.0}

    reply = "<think>not <answer>3</answer></think><answer>7</answer>"
    outcome = run(Recording(continuing(reply), likely=likely), soft=True)
    assert isinstance(outcome, Verdict)
    assert outcome.scores == (7.5,)
    assert outcome.soft is not None
    assert outcome.soft[0].outside == pytest.approx(0.0)
    assert all(begun.startswith(reply[: reply.rindex("7")]) for begun in asked)


def test_each_of_two_answers_is_softened_given_the_one_before() -> None:
    def likely(prompt: Prompt) -> dict[str, float]:
        if not prompt.begun.endswith("<answer>"):
            return {"<": 1.0}
        return {"9": 1.0} if "</answer>" in prompt.begun else {"1": 0.5, "2": 0.5}

    reply = "<think>a</think><answer>1</answer><answer>9</answer>"
    outcome = run(Recording(continuing(reply), likely=likely), "pairwise", soft=True)
    assert isinstance(outcome, Verdict)
    assert outcome.scores == pytest.approx((1.5, 9.0))


def test_no_probability_on_the_scale_is_no_verdict() -> None:
    engine = Recording(lambda _: "<answer>7</answer>", likely=lambda _: {"x": 1.0})
    outcome = run(engine, soft=True, reasks=0)
    assert isinstance(outcome, Unjudged)
    assert outcome.reason == Reason.OFF_SCALE_MASS
