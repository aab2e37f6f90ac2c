"""``flex-judge sft`` on real models: what it trains, what it leaves alone, and what it saves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    Qwen2_5OmniThinkerForConditionalGeneration,
)
from trl import ModelConfig

from judge import Judge, open_judge
from judge.errors import RequestError
from judge.folder import profile_path
from judge.sft.samples import read_rows
from judge.sft.train.arguments import JudgeSftArguments, JudgeSftConfig
from judge.sft.train.evaluate import compare
from judge.sft.train.report import SftReport
from judge.sft.train.run import run_sft
from tests.engine import tiny
from tests.judge.sft.train.curated import curated_file, curated_rows

pytestmark = pytest.mark.timeout(600)
Make = Callable[[Path], Path]
EXACT = 1e-4
"""Relative tolerance of losses that are the same sums in another order, in float32."""


def sft(
    data: Path,
    out: Path,
    base: str | Path = "nano-base",
    *,
    profile: str | Path = "default",
    model: dict[str, Any] | None = None,
    judged: int = 0,
    **options: Any,
) -> SftReport:
    """A run of two steps, unless ``options`` say otherwise; ``options`` of either kind."""
    own = {
        name: options.pop(name)
        for name in ("save_dtype", "merge_adapter", "freeze_vision")
        if name in options
    }
    settings: dict[str, Any] = {
        "max_steps": 2,
        "per_device_train_batch_size": 2,
        "learning_rate": 1e-2,
        "logging_steps": 1,
        "save_strategy": "no",
        "gradient_checkpointing": False,
        "disable_tqdm": True,
        "report_to": "none",
        **options,
    }
    return run_sft(
        JudgeSftArguments(data=str(data), profile=str(profile), judge_eval_samples=judged, **own),
        JudgeSftConfig(output_dir=str(out), **settings),
        ModelConfig(model_name_or_path=str(base), **(model or {})),
    )


def losses(out: Path) -> list[float]:
    """The loss of each step, as the run's trainer_state.json has them."""
    state = json.loads((out / "trainer_state.json").read_text())
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows in the prompts of the default profile."""
    return curated_file(tmp_path_factory.mktemp("texts") / "train.jsonl", curated_rows("text", 8))


@pytest.fixture(scope="module")
def nano_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of rows in the prompts of nano-judge."""
    folder = tmp_path_factory.mktemp("nano")
    rows = curated_rows("text", 20, "nano-judge")
    curated_file(folder / "train.jsonl", rows[:16])
    curated_file(folder / "validation.jsonl", rows[16:])
    return folder


def load_as_usual(folder: Path) -> Any:
    """The checkpoint in stock transformers."""
    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] == "qwen2_5_omni":
        return Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(folder, dtype="auto")
    has_eyes = "vision_config" in config
    kind: Any = AutoModelForImageTextToText if has_eyes else AutoModelForCausalLM
    return kind.from_pretrained(folder, dtype="auto")


@pytest.mark.parametrize(
    ("make", "towers"),
    [
        (tiny.qwen_vl, ("visual.",)),
        (tiny.qwen3_vl, ("visual.",)),
        (tiny.qwen_omni, ("thinker.visual.", "thinker.audio_tower.")),
        (tiny.llama, ()),
    ],
    ids=["qwen2.5-vl", "qwen3-vl", "qwen2.5-omni", "llama"],
)
def test_every_architecture_trains_and_loads_in_stock_transformers(
    make: Make, towers: tuple[str, ...], texts: Path, tmp_path: Path
) -> None:
    base, out = make(tmp_path / "base"), tmp_path / "judge"
    report = sft(texts, out, base)
    assert report.steps == 2
    assert report.base == str(base)
    before, after = weights(base), weights(out)
    assert set(after) == set(before) - {"lm_head.weight"} or set(after) == set(before)
    assert all(tensor.dtype == torch.bfloat16 for tensor in after.values())
    changed = {
        name
        for name, tensor in after.items()
        if not torch.equal(tensor, before[name].to(torch.bfloat16))
    }
    frozen = {name for name in after if any(tower in name for tower in towers)}
    assert changed
    assert not changed & frozen, "the towers are as they were"
    assert len(frozen) > 0 or not towers
    model = load_as_usual(out)
    assert model.dtype == torch.bfloat16
    processor = AutoProcessor.from_pretrained(out)
    assert type(processor) is type(AutoProcessor.from_pretrained(base))
    profile = open_judge(out).profile
    assert (profile.name, profile.base_model) == ("judge", str(base))


def test_an_omni_thinker_by_itself_trains_as_the_one_in_a_whole_omni(
    texts: Path, tmp_path: Path
) -> None:
    whole = tiny.qwen_omni(tmp_path / "whole")
    alone = tmp_path / "alone"
    Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(whole).save_pretrained(alone)
    AutoProcessor.from_pretrained(whole).save_pretrained(alone)
    sft(texts, tmp_path / "one", whole)
    sft(texts, tmp_path / "other", alone)
    assert losses(tmp_path / "one") == losses(tmp_path / "other")
    assert sft(texts, tmp_path / "again", tmp_path / "other").steps == 2


def test_towers_are_trained_where_asked(tmp_path: Path) -> None:
    pictures = curated_file(tmp_path / "train.jsonl", curated_rows("image", 4))
    base = tiny.qwen_vl(tmp_path / "base")
    sft(pictures, tmp_path / "frozen", base)
    sft(pictures, tmp_path / "free", base, freeze_vision=False)
    frozen, free, before = (weights(tmp_path / name) for name in ("frozen", "free", "base"))
    name = "visual.patch_embed.proj.weight"
    assert torch.equal(frozen[name], before[name].to(torch.bfloat16))
    assert not torch.equal(free[name], before[name].to(torch.bfloat16))
    assert losses(tmp_path / "frozen")[0] == pytest.approx(losses(tmp_path / "free")[0])


def test_pictures_are_seen_where_the_judge_will_see_them(tmp_path: Path) -> None:
    rows = curated_rows("image", 2)
    swapped = [
        replace(row, request={**row.request, "images": other.request["images"]})
        for row, other in zip(rows, reversed(rows), strict=True)
    ]
    base = tiny.qwen_vl(tmp_path / "base")
    for name, these in (("right", rows), ("swapped", swapped)):
        sft(curated_file(tmp_path / f"{name}.jsonl", these), tmp_path / name, base, max_steps=1)
    right, wrong = losses(tmp_path / "right"), losses(tmp_path / "swapped")
    assert abs(right[0] - wrong[0]) > 1e-5, "the pictures make no difference"


def test_pictures_with_packing_or_omni_are_refused_before_training(tmp_path: Path) -> None:
    pictures = curated_file(tmp_path / "train.jsonl", curated_rows("image", 2))
    with pytest.raises(RequestError, match="--packing takes text rows alone"):
        sft(pictures, tmp_path / "out", packing=True)
    with pytest.raises(RequestError, match=r"Qwen2\.5-Omni on rows with pictures"):
        sft(pictures, tmp_path / "out", tiny.qwen_omni(tmp_path / "omni"))


@pytest.mark.parametrize("make", [tiny.qwen_vl, tiny.qwen3_vl, tiny.qwen_omni, tiny.llama])
def test_packed_rows_do_not_see_each_other(make: Make, tmp_path: Path) -> None:
    rows = curated_rows("text", 3)
    data, base = curated_file(tmp_path / "train.jsonl", rows), make(tmp_path / "base")
    sft(data, tmp_path / "apart", base, max_steps=1, per_device_train_batch_size=3)
    sft(data, tmp_path / "packed", base, max_steps=1, packing=True, max_length=4096)
    assert losses(tmp_path / "packed") == pytest.approx(losses(tmp_path / "apart"), rel=EXACT)


def test_long_rows_are_named_in_the_report_and_not_trained_on(texts: Path, tmp_path: Path) -> None:
    base = tiny.llama(tmp_path / "base")
    whole = sft(texts, tmp_path / "whole", base)
    assert whole.too_long == ()
    limit = whole.tokens // whole.rows
    report = sft(texts, tmp_path / "cut", base, max_length=limit)
    assert 0 < report.rows < whole.rows
    assert len(report.too_long) == whole.rows - report.rows
    written = json.loads((tmp_path / "cut" / "report.json").read_text())
    assert written["too_long"] == list(report.too_long)
    assert f"{len(report.too_long)} more were longer" in (tmp_path / "cut/README.md").read_text()
    assert "left out as too long" in report.summary()


@pytest.mark.parametrize("make", [tiny.llama, tiny.qwen_vl])
def test_a_resumed_run_has_the_losses_of_an_undisturbed_one(
    make: Make, texts: Path, tmp_path: Path
) -> None:
    """The weights of Qwen-VL go by other names in its files than in the model."""
    base = make(tmp_path / "base")
    steps = {"max_steps": 8, "save_strategy": "steps", "save_steps": 3}
    sft(texts, tmp_path / "whole", base, **steps)
    stopped = tmp_path / "stopped"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transformers.trainer_callback.CallbackHandler.on_step_end", stop_at(5))
        with pytest.raises(KeyboardInterrupt):
            sft(texts, stopped, base, **steps)
    (stopped / "checkpoint-4").mkdir()  # one that a kill left half written
    report = sft(texts, stopped, base, **steps)
    assert report.resumed_from == 3
    assert report.steps == 8
    assert losses(stopped) == losses(tmp_path / "whole")
    assert len(losses(stopped)) == 8
    for name, tensor in weights(tmp_path / "whole").items():
        assert torch.equal(tensor, weights(stopped)[name]), name
    with pytest.raises(RequestError, match=r"learning_rate was 0\.01 and is 0\.02"):
        sft(texts, stopped, base, learning_rate=2e-2, **steps)


def stop_at(step: int) -> Callable[..., Any]:
    """The callback after each step, which stops the run as Ctrl-C does."""
    from transformers.trainer_callback import CallbackHandler

    call = CallbackHandler.on_step_end

    def on_step_end(self: CallbackHandler, args: Any, state: Any, control: Any) -> Any:
        if state.global_step == step:
            raise KeyboardInterrupt
        return call(self, args, state, control)

    return on_step_end


def test_live_figures_are_those_of_the_saved_judge(nano_rows: Path, tmp_path: Path) -> None:
    """Judged in training, and by the folder that came out, in float32 both times."""
    out = tmp_path / "judge"
    options = {"profile": "nano-judge", "learning_rate": 1e-6, "max_steps": 4}
    report = sft(
        nano_rows,
        out,
        "nano-judge",
        judged=4,
        save_dtype="float32",
        eval_strategy="steps",
        eval_steps=2,
        **options,
    )
    history = json.loads((out / "trainer_state.json").read_text())["log_history"]
    judged = [entry for entry in history if "eval_judge_agreement" in entry]
    assert [entry["step"] for entry in judged] == [2, 4]
    assert report.held_out["eval_judge_parse_rate"] > 0.5, "the judge answers"
    assert report.held_out["eval_judge_reasoning_tokens"] > 20

    rows = list(read_rows(nano_rows / "validation.jsonl"))
    judge = Judge.from_folder(
        out, engine="transformers", dtype="float32", device="cpu", decoding={"reasks": 0}
    )

    async def outcomes() -> Any:
        async with judge:
            return [await judge.judge(row.judge_request()) for row in rows]

    figures = compare(rows, asyncio.run(outcomes()), AutoProcessor.from_pretrained(out).tokenizer)
    measured = {name: report.held_out[name] for name in figures.metrics()}
    assert measured == pytest.approx(figures.metrics())

    sft(nano_rows, tmp_path / "unjudged", "nano-judge", **options)
    assert losses(out) == losses(tmp_path / "unjudged"), "judging does not disturb training"


def test_the_best_weights_are_kept(nano_rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "judge"
    report = sft(
        nano_rows,
        out,
        "nano-judge",
        profile=short_profile(tmp_path),
        judged=4,
        learning_rate=1e-3,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=0,
        max_steps=6,
        save_dtype="float32",
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="steps",
        save_steps=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_judge_parse_rate",
    )
    history = json.loads((out / "trainer_state.json").read_text())["log_history"]
    rates = {
        entry["step"]: entry["eval_judge_parse_rate"]
        for entry in history
        if "eval_judge_parse_rate" in entry
    }
    assert len(set(rates.values())) > 1, "the learning rate breaks the judge"
    assert report.best_step == max(rates, key=lambda step: rates[step])
    assert report.held_out["eval_judge_parse_rate"] == rates[report.best_step]
    kept = weights(out / f"checkpoint-{report.best_step}")
    assert all(torch.equal(tensor, kept[name]) for name, tensor in weights(out).items())


def short_profile(folder: Path) -> Path:
    """nano-judge with short replies."""
    path = folder / "short.toml"
    text = profile_path("nano-judge").read_text()
    path.write_text(text.replace("max_tokens = 320", "max_tokens = 160"))
    return path


def test_an_adapter_is_a_judge_and_so_is_what_it_merges_to(nano_rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "judge"
    sft(
        nano_rows,
        out,
        "nano-base",
        profile="nano-judge",
        model={"use_peft": True, "lora_r": 4},
        merge_adapter=True,
        save_dtype="float32",
        max_steps=4,
    )
    adapter = json.loads((out / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == "nano-base"
    adapted = load_file(out / "adapter_model.safetensors")
    assert adapted
    assert not any("visual" in name or "lm_head" in name for name in adapted)
    folder = open_judge(out)
    assert folder.adapter == str(out)
    assert Path(folder.weights).name == "nano-base"
    merged = open_judge(out / "merged")
    assert merged.adapter is None
    assert merged.profile == folder.profile
    row = curated_rows("text", 1, "nano-judge")[0]
    replies = []
    for judge in (out, out / "merged"):
        engine = Judge.from_folder(
            judge, engine="transformers", dtype="float32", device="cpu", decoding={"reasks": 0}
        )

        async def reply(engine: Judge = engine) -> str:
            async with engine:
                return (await engine.judge(row.judge_request())).reply

        replies.append(asyncio.run(reply()))
    assert replies[0] == replies[1]
    assert len(replies[0]) > 40


def test_gradient_checkpointing_gives_the_same_losses(texts: Path, tmp_path: Path) -> None:
    base = tiny.qwen_vl(tmp_path / "base")
    sft(texts, tmp_path / "plain", base)
    sft(texts, tmp_path / "saving", base, gradient_checkpointing=True)
    assert losses(tmp_path / "saving") == pytest.approx(losses(tmp_path / "plain"), rel=EXACT)
