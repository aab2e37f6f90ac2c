"""The dataset card of a folder of curated rows."""

from __future__ import annotations

import json
from pathlib import Path

from judge.judge import Judge
from judge.rubrics import load_rubric
from judge.sft.curate.plan import CuratePlan
from judge.sft.curate.report import CurateReport
from judge.sft.samples import TRAIN, VALIDATION

_CARD = """---
pretty_name: Reasoned judgements
task_categories:
- text-generation
tags:
- llm-as-a-judge
- reward-model
- reasoning
- trl
- sft
configs:
- config_name: default
  data_files:
{files}
---

# Reasoned judgements

Text-only judgements with reasoning that a judge is fine-tuned on, made by `flex-judge curate`
after Flex-Judge ([arXiv 2505.18601](https://arxiv.org/abs/2505.18601)).

{counts}.

    flex-judge sft --data {folder} --config …

`prompt` and `completion` are chat messages, as TRL takes them. The other columns say what the row
is: `id`, `kind` (single, pair or hard), `protocol`, `rubric`, `scale`, `request` (question and
answers), `scores` (the right ones, one an answer).

## How it was made

| | |
|---|---|
| source | `{source}` |
| teacher | {teacher} |
| kept | the first reply that agrees with the reference: {agreement} |
| rubric | `{rubric}`, where a row names none |
| prompts | profile `{profile}` |
| pairs | the longest, at least {pair_min_tokens} tokens of reasoning |
| single answers | one answer's share of a pair's reasoning, at least {single_min_tokens} tokens |
| tokens | {tokens} |
| formats | {formats} |
| halved scale | {halve_share:.0%} of the rows: ⌈score / 2⌉; none whose reasoning names a score |
| hard negatives | {hard_negatives:.0%} beside the other rows, with the lowest score |
| held out | {validation_share:.0%} of the questions |
| seed | {seed} |

{funnel}

What each step dropped, with examples, is in `funnel.json`.

![reasoning lengths before and after the choice](lengths.png)

## What to know before use

The reasoning is a model's: its scores agree with the reference, its sentences were not checked. The
reference scores carry the leanings of who gave them. Licences are the source's and the teacher's.
"""


def write_funnel(path: Path, report: CurateReport) -> None:
    """Writes the counts as JSON: ``rows`` by file and kind, and the ``stages``."""
    counts = {"rows": report.to_json(), "stages": report.funnel.to_json()}
    path.write_text(json.dumps(counts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_card(out: Path, plan: CuratePlan, teacher: Judge, report: CurateReport) -> None:
    """Writes the folder's ``README.md``."""
    splits = (("train", TRAIN, report.train), ("validation", VALIDATION, report.validation))
    files = [f"  - split: {name}\n    path: {file}" for name, file, count in splits if count]
    kinds = report.kinds
    text = _CARD.format(
        files="\n".join(files),
        counts=f"{report.train} rows to train on and {report.validation} held out: "
        f"{kinds['pair']} of two answers, {kinds['single']} of one, {kinds['hard']} hard negatives",
        folder=out.name,
        source=plan.source,
        teacher=f"{teacher.folder.profile.name}, fingerprint `{teacher.fingerprint}`, temperature "
        f"{teacher.decoding.temperature:g}, up to {plan.seeds} replies a pair",
        agreement="both scores" if plan.agree == "exact" else "the preferred answer",
        rubric=load_rubric(plan.rubric).fingerprint(),
        profile=plan.profile,
        pair_min_tokens=plan.pair_min_tokens,
        single_min_tokens=plan.single_min_tokens,
        tokens=f"of `{plan.tokenizer}`" if plan.tokenizer else "estimated: words × 4/3",
        formats="dealt out over headings, lists and paragraphs, and over verdicts"
        if plan.diversity
        else "as they came",
        halve_share=plan.halve_share,
        hard_negatives=plan.hard_negatives,
        validation_share=plan.validation_share,
        seed=plan.seed,
        funnel=report.funnel.table(),
    )
    (out / "README.md").write_text(text, encoding="utf-8")
