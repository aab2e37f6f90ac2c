"""Candidates from a policy."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest
from PIL import Image as Pillow

from judge import Decoding, EngineError, Image, Prompt, RequestError, load_rubric
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from judge.types import Completion, Segment
from reward.offline.jobs import Policy, run_job
from reward.offline.records import unjudged_reasons
from reward.offline.sampling import Sampling, policy_prompt
from tests.reward.offline.scripted import plan_of, ring_judge, scripted_judge, write_table


class SeededEngine(ScriptedEngine):
    """Writes what its seed and temperature say, and keeps them."""

    def __init__(self) -> None:
        super().__init__(lambda _: "")
        self.decodings: list[Decoding] = []
        self.is_closed = False

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        self.decodings.append(decoding)
        if "refused" in prompt_text(prompt):
            raise EngineError("too long")
        return Completion(f"score={decoding.seed % 9 + 1} at {decoding.temperature:g}", "end")

    async def close(self) -> None:
        self.is_closed = True


def policy(engine: SeededEngine, **fields: object) -> Policy:
    return Policy("scripted", Sampling(**fields), lambda: engine)  # type: ignore[arg-type]


async def test_rows_get_samples_which_are_then_judged(tmp_path: Path) -> None:
    source = write_table(tmp_path / "rows.jsonl", [{"prompt": "A?"}, {"prompt": "B?"}])
    engine = SeededEngine()
    plan = plan_of(source, tmp_path / "job", policy=policy(engine, samples=3))
    await run_job(plan, scripted_judge)
    rows = [row.columns["completions"] for row, _ in plan.rows(Event())]
    assert [text.split(" at ")[1] for text in rows[0]] == ["0.8", "1.2", "0.8"]
    assert rows[0] != rows[1]
    assert len({each.seed for each in engine.decodings}) == 6
    assert [len(record.comparisons) for record in plan.records()] == [6, 6]
    assert engine.is_closed


async def test_samples_may_be_molecules(tmp_path: Path) -> None:
    source = write_table(tmp_path / "rows.jsonl", [{"prompt": "Make one."}])
    written = iter(["c1ccccc1\n", "no molecule"])
    engine = ScriptedEngine(lambda _: next(written))
    molecules = Policy("scripted", Sampling(writes="molecules"), lambda: engine)
    rubric = load_rubric("molecule")
    plan = plan_of(source, tmp_path / "job", "pointwise", rubric=rubric, policy=molecules)
    await run_job(plan, ring_judge)
    ((row, record),) = plan.rows(Event())
    assert row.columns["molecules"] == ["c1ccccc1", "no molecule"]
    assert "completions" not in row.columns
    assert unjudged_reasons(record) == []


async def test_samples_are_drawn_once_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    source = write_table(tmp_path / "rows.jsonl", [{"prompt": "A?"}])
    engine = SeededEngine()
    plan = plan_of(source, tmp_path / "job", policy=policy(engine))
    await run_job(plan, scripted_judge)
    await run_job(plan, scripted_judge)
    assert len(engine.decodings) == 2
    other = plan_of(source, tmp_path / "other", policy=policy(SeededEngine()))
    await run_job(other, scripted_judge)
    assert next(plan.rows(Event()))[0] == next(other.rows(Event()))[0]
    with pytest.raises(RequestError, match="policy"):
        await run_job(
            plan_of(source, tmp_path / "job", policy=policy(engine, seed=1)), scripted_judge
        )


async def test_a_row_without_samples_is_unjudged_and_can_be_tried_again(tmp_path: Path) -> None:
    rows = [{"prompt": "refused"}, {"prompt": "B?"}]
    plan = plan_of(
        write_table(tmp_path / "rows.jsonl", rows),
        tmp_path / "job",
        policy=policy(SeededEngine()),
    )
    await run_job(plan, scripted_judge)
    assert [unjudged_reasons(each) for each in plan.records()] == [["engine_error"], []]
    good = ScriptedEngine(lambda _: "score=4 now")
    again = plan_of(
        Path(plan.source), plan.out, policy=Policy("scripted", Sampling(), lambda: good)
    )
    await run_job(again, scripted_judge, retry_unjudged=True)
    assert len(good.prompts) == 2
    assert [unjudged_reasons(each) for each in again.records()] == [[], []]


def test_a_policy_is_asked_as_in_training(tmp_path: Path) -> None:
    Pillow.new("RGB", (20, 10)).save(tmp_path / "a.png")
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]},
        {"role": "assistant", "content": "A cat."},
        {"role": "user", "content": "Sure?"},
    ]
    prompt = policy_prompt({"prompt": turns, "image": str(tmp_path / "a.png")})
    assert [each.role for each in prompt.messages] == ["system", "user", "assistant", "user"]
    picture, text = prompt.messages[1].parts
    assert isinstance(picture, Image)
    assert text == Segment("What?", trusted=True)
    assert (prompt.prefill, prompt.stop) == ("", ())


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({}, "needs a 'prompt'"),
        ({"prompt": [{"role": "assistant", "content": "x"}]}, "end in the user's turn"),
        ({"prompt": [{"role": "tool", "content": "x"}]}, "got 'tool'"),
        ({"prompt": 3}, "a text, or messages"),
    ],
)
def test_what_a_policy_cannot_be_asked_is_told(columns: dict[str, object], problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        policy_prompt(columns)


@pytest.mark.parametrize("fields", [{"samples": 0}, {"temperatures": ()}, {"temperatures": (0.0,)}])
def test_samples_that_would_be_all_the_same_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(RequestError):
        Sampling(**fields)  # type: ignore[arg-type]
