"""The dataset card: how the data were made, what was left out, and how biased the judge was."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from judge.judge import Judge
from reward.label.picture import PICTURE
from reward.label.tally import Tally, longer_share
from reward.offline.jobs import SETTINGS

if TYPE_CHECKING:
    from reward.label.label import LabelPlan

CARD = "README.md"
_TEXT = """---
pretty_name: {name}
tags:
- preference
- dpo
- trl
- llm-as-a-judge
- reward-model
configs:
- config_name: default
  data_files:
  - split: train
    path: {data_files}
---

# {name}

{pairs} pairs of candidates, `chosen` and `rejected`, in TRL's format, made by `flex-reward label`.

```python
{loading}
DPOTrainer(model, train_dataset=dataset, …)
```

## How it was made

| | |
|---|---|
| judge | {judge}, version {version}, fingerprint `{fingerprint}` |
| rubric | {rubric} |
| compared | {compared} |
| pairs of a row | {pairs_of} |
| least margin | {margin:g} |
| order | {order} |
| length balance | {balance} |

All settings of the judging:

```json
{settings}
```

## What was left out

| | |
|---|---|
{funnel}

{judged_share} of the rows were judged{partly}. `unjudged.jsonl` lists the others{reasons}.

## How biased the judge was

| | |
|---|---|
| the longer candidate was chosen, before pairs were left out for length | {longer} |
| the longer candidate was chosen, in the pairs here | {longer_kept} |
| the preference changed with the order | {flips} |
| the candidate shown first was preferred | {first} |

Half is no leaning, for length and place alike; among pairs of different lengths, and comparisons of
two that had a winner. A judge that only counts characters would agree with as many pairs as the
first line says: better evidence than that is needed to trust it.

![scores]({picture})

## What to know before use

The preferences are a model's. They carry its leanings and those of the rubric, and no person has
checked them. Licences are those of the prompts, the candidates and the judge.
"""
_PAIRS_OF = {"best-worst": "the best candidate and the worst", "all": "every two candidates"}


def write_card(path: Path, plan: LabelPlan, judge: Judge, tally: Tally) -> None:
    """Writes the folder's ``README.md``."""
    job, rules, profile = plan.job, plan.rules, judge.folder.profile
    is_folder, data = plan.kind == "datasets", plan.data
    loader = "load_from_disk" if is_folder else "load_dataset"
    where = f'"{data.name}"' if is_folder else f'"{plan.kind.replace("jsonl", "json")}", '
    where += "" if is_folder else f'data_files="{data.name}", split="train"'
    partly = f", {tally.partly} of them in part" if tally.partly else ""
    text = _TEXT.format(
        name=job.out.name,
        data_files=f"{data.name}/*.arrow" if is_folder else data.name,
        pairs=tally.kept,
        loading=f"from datasets import {loader}\n\ndataset = {loader}({where})",
        judge=profile.name,
        version=profile.version,
        fingerprint=judge.fingerprint,
        rubric=f"`{job.rubric.fingerprint()}`" if job.rubric else "each row's own",
        compared=job.scheme.protocol,
        pairs_of=_PAIRS_OF[rules.pairs],
        margin=rules.min_margin,
        order="pairs whose preference changed with it are left out"
        if rules.consistent_only
        else "pairs whose preference changed with it may be here: see `order_consistent`",
        balance="as many longer as shorter candidates chosen" if plan.length_balanced else "none",
        settings=(job.out / SETTINGS).read_text(encoding="utf-8").strip(),
        funnel=_table(tally.funnel),
        judged_share=f"{tally.judged_share:.1%}",
        partly=partly,
        reasons=_reasons(tally),
        longer=_percent(longer_share(tally.leads)),
        longer_kept=_percent(longer_share(tally.kept_leads)),
        flips=_percent(tally.flipped / tally.both_orders if tally.both_orders else None),
        first=_percent(tally.first_preferred / tally.decided if tally.decided else None),
        picture=PICTURE,
    )
    path.write_text(text, encoding="utf-8")


def _table(lines: Iterable[tuple[str, int]]) -> str:
    return "\n".join(f"| {name} | {count} |" for name, count in lines)


def _reasons(tally: Tally) -> str:
    if not tally.reasons:
        return ""
    return ", by reason: " + json.dumps(dict(sorted(tally.reasons.items()))).strip("{}")


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{share:.1%}"
