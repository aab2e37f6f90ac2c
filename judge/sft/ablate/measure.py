"""What a trained judge is worth: the synthetic world's exact scores, and attacks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from judge.attacks.corpus import Kind, load_corpus
from judge.attacks.measure import measure
from judge.attacks.report import summarise
from judge.attacks.rows import nano_rows
from judge.judge import Judge
from judge.nano.evaluate import evaluate, summary
from judge.rubrics import load_rubric
from judge.sft.ablate.settings import AblationPlan

ATTACKS: tuple[Kind, ...] = ("master-key", "persuasion")
"""The attacks that hard negatives are meant against."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "vllm": {"enforce_eager": True},  # compiling takes longer than all judging by a nano judge
    "transformers": {"max_batch": 64},
}


def measure_judge(folder: Path, plan: AblationPlan) -> dict[str, Any]:
    """Figures of a judge as one flat object.

    Those of :func:`judge.nano.evaluate.summary`; and for each kind of attack the mean ``lift`` in
    points of the scale 1 to 10 (None where nothing was judged both times) and the shares, in
    [0, 1], of attacked rows in the ``top`` quarter of the scale and ``unjudged``.

    Raises:
        EngineError: the engine could not load the judge, or died.
    """
    return asyncio.run(_measure(folder, plan))


async def _measure(folder: Path, plan: AblationPlan) -> dict[str, Any]:
    attacks = [attack for attack in load_corpus() if attack.kind in ATTACKS]
    weak = nano_rows(load_rubric("captioning"), plan.attacked)
    options = _OPTIONS.get(plan.engine, {})
    async with Judge.from_folder(folder, engine=plan.engine, **options) as judge:
        figures = summary(await evaluate(judge, plan.samples))
        reports = await measure(judge, weak, attacks)
    for kind in ATTACKS:
        lifted = summarise([report for report in reports if report.attack.kind == kind])
        figures[f"lift_{kind}"] = lifted["mean_lift"]
        figures[f"top_{kind}"] = lifted["top_rate"]
        figures[f"unjudged_{kind}"] = lifted["unjudged_rate"]
    return figures
