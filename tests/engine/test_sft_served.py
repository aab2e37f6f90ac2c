"""What ``flex-judge sft`` saves is served by stock vLLM: an adapter, merged, and Omni's thinker."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from judge import Judge, Verdict
from judge.folder import embedded_checkpoint
from judge.sft.samples import JudgingRow
from judge.verdicts import Outcome
from tests.engine import tiny
from tests.engine.test_sft import sft
from tests.judge.sft.train.curated import curated_file, curated_rows

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(900)]
SAMPLES = 24
SAME = 0.9
"""Share of verdicts that adapter and merged weights have in common at least, in float32: sums are
taken in another order, and where two tokens are almost equally likely either may come."""


def judged(folder: Path, profile: str) -> list[Outcome]:
    rows = curated_rows("text", SAMPLES, profile)
    judge = Judge.from_folder(
        folder, enforce_eager=True, dtype="float32", decoding={"reasks": 0, "max_tokens": 200}
    )

    async def run() -> list[Outcome]:
        async with judge:
            return await asyncio.gather(*(judge.judge(row.judge_request()) for row in rows))

    return asyncio.run(run())


def test_an_adapter_and_what_it_merges_to_give_the_same_verdicts(tmp_path: Path) -> None:
    rows = map(harsh, curated_rows("text", 64, "nano-judge"))
    data = curated_file(tmp_path / "train.jsonl", list(rows))
    out = tmp_path / "judge"
    sft(
        data,
        out,
        "nano-judge",  # writes verdicts already, and the adapter changes what they say
        profile="nano-judge",
        model={"use_peft": True, "lora_r": 8},
        merge_adapter=True,
        save_dtype="float32",
        max_steps=24,
        learning_rate=5e-3,
        per_device_train_batch_size=16,
    )
    folders = (embedded_checkpoint("nano-judge"), out, out / "merged")
    before, adapter, merged = (judged(folder, "nano-judge") for folder in folders)
    read = sum(isinstance(each, Verdict) for each in merged)
    same = alike(adapter, merged)
    print(f"{read} of {SAMPLES} replies were read; {same} are the same word by word")
    assert read > SAMPLES / 2, "the judge answers: there are verdicts to compare"
    assert same >= SAME * SAMPLES
    assert alike(before, adapter) < SAME * SAMPLES, "the adapter is applied"


def harsh(row: JudgingRow) -> JudgingRow:
    """The same reasoning, and the lowest score in any case."""
    reply = row.reply.partition("<answer>")[0] + "<answer>1</answer>"
    return replace(row, scores=(1,), completion=[{**row.completion[0], "content": reply}])


def alike(ones: list[Outcome], others: list[Outcome]) -> int:
    """How many replies are the same word by word."""
    return sum(
        type(one) is type(other) and one.reply == other.reply
        for one, other in zip(ones, others, strict=True)
    )


def test_vllm_serves_a_trained_omni_thinker(tmp_path: Path) -> None:
    data = curated_file(tmp_path / "train.jsonl", curated_rows("text", 4))
    sft(data, tmp_path / "judge", tiny.qwen_omni(tmp_path / "base"))
    outcomes = judged(tmp_path / "judge", "default")
    assert all(each.usage.completion_tokens > 0 for each in outcomes)
