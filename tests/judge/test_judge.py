"""Class Judge with the scripted engine: every way from a request to an outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from judge import (
    Candidate,
    Completion,
    EngineDeadError,
    EngineError,
    Judge,
    JudgeFolderError,
    JudgeRequest,
    Prompt,
    Reason,
    RequestError,
    Unjudged,
    Usage,
    Verdict,
    load_rubric,
    open_judge,
)
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from judge.folder import Decoding

GOOD = "<think>It is right.</think><answer>8</answer>"
REQUEST = JudgeRequest(("What is shown?",), (Candidate("A cat."),), load_rubric("captioning"))

Script = Callable[[Prompt], str | Completion | Exception]


def scripted(folder: Path, script: Script, *, delay: float = 0.0) -> Judge:
    return Judge(open_judge(folder), ScriptedEngine(script, delay=delay))


async def test_reply_becomes_a_verdict(judge_folder: Path) -> None:
    reply = Completion(GOOD, "stop", Usage(prompt_tokens=50, completion_tokens=9))
    outcome = await scripted(judge_folder, lambda _: reply).judge(REQUEST)
    assert outcome == Verdict((8.0,), (1, 10), "It is right.", GOOD, reply.usage)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Completion("<think>The first", "length"), Reason.TRUNCATED),
        (Completion("<think>The first", "end"), Reason.NO_REASONING_END),
        (Completion("I like it.", "end"), Reason.NO_ANSWER),
        (Completion("<answer>1</answer><answer>2</answer>", "stop"), Reason.SEVERAL_ANSWERS),
        (Completion("<answer>good</answer>", "stop"), Reason.NOT_A_NUMBER),
        (Completion("<answer>11</answer>", "stop"), Reason.OUT_OF_SCALE),
        (EngineError("the prompt is too long"), Reason.ENGINE_ERROR),
        (RequestError("no such picture"), Reason.BAD_REQUEST),
    ],
)
async def test_failure_is_a_reason_and_never_a_number(
    reply: Completion | Exception, reason: Reason, judge_folder: Path
) -> None:
    outcome = await scripted(judge_folder, lambda _: reply).judge(REQUEST)
    assert isinstance(outcome, Unjudged), f"expected {reason}, got {outcome}"
    assert outcome.reason == reason
    assert outcome.detail, "a person needs to read what came"
    if isinstance(reply, Exception):
        assert outcome.detail == str(reply)


async def test_dead_engine_is_raised_and_not_a_verdict(judge_folder: Path) -> None:
    judge = scripted(judge_folder, lambda _: EngineDeadError("gone"))
    with pytest.raises(EngineDeadError, match="gone"):
        await judge.judge(REQUEST)


async def test_a_programming_error_is_not_hidden(judge_folder: Path) -> None:
    judge = scripted(judge_folder, lambda _: ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        await judge.judge(REQUEST)


async def test_requests_at_once_reach_the_engine_at_once(judge_folder: Path) -> None:
    engine = ScriptedEngine(lambda _: GOOD, delay=0.02)
    judge = Judge(open_judge(judge_folder), engine)
    outcomes = await asyncio.gather(*(judge.judge(REQUEST) for _ in range(20)))
    assert engine.in_flight_peak == 20
    assert all(isinstance(outcome, Verdict) for outcome in outcomes)


async def test_one_failure_leaves_the_others_judged(judge_folder: Path) -> None:
    def script(prompt: Prompt) -> str | Exception:
        return EngineError("no") if "bad" in prompt_text(prompt) else GOOD

    judge = scripted(judge_folder, script)
    requests = [
        JudgeRequest(("What?",), (Candidate(text),), REQUEST.rubric)
        for text in ("one", "bad", "two")
    ]
    outcomes = await asyncio.gather(*(judge.judge(request) for request in requests))
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Verdict, Unjudged, Verdict]


async def test_cancelled_judgement_frees_the_engine(judge_folder: Path) -> None:
    engine = ScriptedEngine(lambda _: GOOD, delay=60)
    judge = Judge(open_judge(judge_folder), engine)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(judge.judge(REQUEST), timeout=0.01)
    assert engine._in_flight == 0


async def test_engine_is_asked_with_the_folders_prompts_and_decoding(judge_folder: Path) -> None:
    asked: list[tuple[Prompt, Decoding]] = []

    class Recording(ScriptedEngine):
        async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
            asked.append((prompt, decoding))
            return await super().generate(prompt, decoding)

    folder = open_judge(judge_folder, temperature=0.3)
    await Judge(folder, Recording(lambda _: GOOD)).judge(REQUEST)
    ((prompt, decoding),) = asked
    assert decoding == Decoding(temperature=0.3)
    assert prompt.stop == ("</answer>",)
    assert prompt_text(prompt).startswith("You are an impartial judge.")


async def test_judge_starts_and_closes_its_engine(judge_folder: Path) -> None:
    events: list[str] = []

    class Watched(ScriptedEngine):
        async def start(self) -> None:
            events.append("start")

        async def close(self) -> None:
            events.append("close")

    async with Judge(open_judge(judge_folder), Watched(lambda _: GOOD)):
        events.append("inside")
    assert events == ["start", "inside", "close"]


def test_fingerprint_names_folder_and_engine(judge_folder: Path) -> None:
    folder = open_judge(judge_folder)
    judge = Judge(folder, ScriptedEngine(lambda _: GOOD))
    assert judge.fingerprint == folder.fingerprint("scripted")


async def test_a_protocol_that_the_judge_lacks_is_a_bad_request(judge_folder: Path) -> None:
    path = judge_folder / "judge.toml"
    source = path.read_text(encoding="utf-8")
    path.write_text(source.partition("[protocols.pairwise]")[0] + "[decoding]\n", encoding="utf-8")
    judge = scripted(judge_folder, lambda _: GOOD)
    outcome = await judge.judge(replace(REQUEST, protocol="listwise"))
    assert isinstance(outcome, Unjudged)
    assert outcome.reason == Reason.BAD_REQUEST
    assert "pointwise" in outcome.detail, "it should say what the judge has"


async def test_votes_are_asked_with_seeds_of_their_own(judge_folder: Path) -> None:
    seeds: list[int] = []

    class Seeded(ScriptedEngine):
        async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
            seeds.append(decoding.seed)
            return Completion(f"<answer>{decoding.seed}</answer>", "stop")

    folder = open_judge(judge_folder, votes=5, temperature=0.7, seed=3, vote="median")
    outcome = await Judge(folder, Seeded(lambda _: "")).judge(REQUEST)
    assert sorted(seeds) == [3, 4, 5, 6, 7]
    assert isinstance(outcome, Verdict)
    assert outcome.score == 5.0
    assert len(outcome.votes) == 5


async def test_both_orders_cancel_a_liking_for_the_first_place(judge_folder: Path) -> None:
    def partial_to_the_first(prompt: Prompt) -> str:
        reply = "<think>the first is better</think><answer>8</answer><answer>4</answer>"
        return reply.removeprefix(prompt.begun)

    judge = scripted(judge_folder, partial_to_the_first)
    pair = replace(REQUEST, candidates=(Candidate("x"), Candidate("y")), protocol="pairwise")
    plain = await judge.judge(pair)
    both = await judge.judge(pair, replace(judge.decoding, both_orders=True))
    assert isinstance(plain, Verdict)
    assert isinstance(both, Verdict)
    assert (plain.scores, plain.flipped) == ((8.0, 4.0), None)
    assert (both.scores, both.flipped, both.best) == ((6.0, 6.0), True, None)


async def test_one_candidate_has_one_order(judge_folder: Path) -> None:
    judge = Judge(open_judge(judge_folder, both_orders=True), ScriptedEngine(lambda _: GOOD))
    outcome = await judge.judge(REQUEST)
    assert isinstance(outcome, Verdict)
    assert outcome.flipped is None


async def test_many_requests_stream_through_in_order(judge_folder: Path) -> None:
    def script(prompt: Prompt) -> str:
        return f"<answer>{prompt_text(prompt).count('x')}</answer>"

    judge = scripted(judge_folder, script)
    requests = (
        replace(REQUEST, candidates=(Candidate("x " * count),)) for count in (3, 1, 4, 1, 5)
    )
    outcomes = [outcome async for outcome in judge.judge_many(requests, concurrency=2)]
    base = prompt_text(judge._protocols["pointwise"].render(REQUEST)).count("x")
    assert [getattr(outcome, "score", None) for outcome in outcomes] == [
        base + count for count in (3, 1, 4, 1, 5)
    ]


def test_votes_at_temperature_zero_are_refused(judge_folder: Path) -> None:
    with pytest.raises(JudgeFolderError, match="temperature above 0"):
        open_judge(judge_folder, votes=3)
