"""The model card of a trained judge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from judge.folder import ADAPTER_FILE
from judge.profile import JudgeProfile
from judge.sft.train.report import REPORT, SftReport

_FUNNEL = "funnel.json"
_CARD = """---
library_name: transformers
pipeline_tag: {task}
base_model: {base}
tags:
- llm-as-a-judge
- reward-model
- reasoning
- trl
- sft
---

# {name}

A judge that reasons: it writes `<think>…</think>` about a candidate and then its score in
`<answer>…</answer>`. Made from `{base}` by `flex-judge sft`, after Flex-Judge
([arXiv 2505.18601](https://arxiv.org/abs/2505.18601)).

    flex-judge score --judge {folder} --rubric helpfulness --question "…" --candidate "…"

Prompts and decoding are in `judge.toml`; {weights}.

## Data

{rows} rows, {tokens} tokens with their replies{too_long}.

{funnel}
## Training

| | |
|---|---|
{settings}

{steps} steps, training loss {loss:.4f}, {seconds:.0f} s ({speed:.0f} tokens/s).

## Held-out figures

{held_out}
"""


def write_card(
    folder: Path,
    report: SftReport,
    profile: JudgeProfile,
    settings: Mapping[str, Any],
    *,
    data: Path,
) -> None:
    """Writes ``README.md``.

    Args:
        folder: of the judge.
        report: what came of the run.
        profile: the judge's, with its own name.
        settings: what the run was told, as in ``run.json``.
        data: the folder of the training rows; its funnel is told where it has one.
    """
    text = _CARD.format(
        task="image-text-to-text" if "image" in profile.modalities else "text-generation",
        base=json.dumps(report.base, ensure_ascii=False)[1:-1],
        name=profile.name,
        folder=folder.name,
        weights=(
            "the weights are a LoRA adapter over the base (PEFT)"
            if (folder / ADAPTER_FILE).is_file()
            else "the weights load in stock transformers and vLLM"
        ),
        rows=report.rows,
        tokens=report.tokens,
        too_long=(
            f"; {len(report.too_long)} more were longer than the limit and left out"
            if report.too_long
            else ""
        ),
        funnel=_funnel(data / _FUNNEL),
        settings="\n".join(f"| {name} | `{value}` |" for name, value in settings.items()),
        steps=report.steps,
        loss=report.train_loss,
        seconds=report.seconds,
        speed=report.tokens_per_s,
        held_out=_figures(report),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _funnel(path: Path) -> str:
    """What curation kept, as a table; nothing where the data come from elsewhere."""
    if not path.is_file():
        return ""
    lines = ["| step of curation | rows in | rows out |", "|---|---:|---:|"]
    lines += [
        f"| {stage['stage']} | {stage['in']} | {stage['out']} |"
        for stage in json.loads(path.read_text(encoding="utf-8"))["stages"]
    ]
    return "\n".join(lines) + "\n"


def _figures(report: SftReport) -> str:
    if not report.held_out:
        return "None were measured: there were no held-out rows."
    lines = [f"On {report.held_out_rows} held-out rows (`{REPORT}`):", "", "| | |", "|---|---:|"]
    return "\n".join(
        lines + [f"| {name} | {value:.4f} |" for name, value in report.held_out.items()]
    )
