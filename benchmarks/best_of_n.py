"""What the embedded judge's choice among N samples of a policy brings, by their true scores.

Prompts of a world whose truth is known are sampled N times from a policy, by vLLM; the embedded
judge chooses; the choice is measured by what the judge never sees. Run it with

    .venv/bin/python benchmarks/best_of_n.py --rows 100 --samples 16 --out runs/best-of-n

Killed and run again, it goes on. It prints the curve, draws it (OUT/curve.png), and ends with one
JSON line: ``gain`` over a random choice at the largest N, and its ``share_of_oracle``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from trl import ModelConfig

from judge import Judge, load_image, load_rubric
from judge.media import data_uri
from judge.nano.captions import accuracy
from judge.nano.scenes import Item, Scene, draw_scene, render
from judge.nano.tasks import CAPTION_INSTRUCTION
from judge.nano.wishes import satisfaction
from reward.best_of_n.best_of_n import BestOfNPlan, best_of_n
from reward.best_of_n.truth import Scorer, scored_truth
from reward.offline.forms import check_texts
from reward.offline.jobs import JobPlan, Policy
from reward.offline.sampling import Sampling, Writes, open_policy
from reward.offline.schemes import make_scheme
from rl_recipes.molecules.chem.validity import ValidMolecule, check
from rl_recipes.molecules.data import card_of, held_out_wishes, wish_of
from rl_recipes.molecules.rewards import smiles_of
from rl_recipes.policy import find_policy


@dataclass(frozen=True, slots=True)
class World:
    """Prompts, a policy that answers them, and the truth about its answers."""

    policy: str
    rubric: str
    rows: Callable[[int, int], Iterator[dict[str, Any]]]
    scorer: Scorer
    max_tokens: int
    writes: Writes = "texts"


def caption_rows(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Pictures to describe, from a stream that nothing was trained on, with their scenes."""
    rng = random.Random(f"best of n/captions/{seed}")
    for _ in range(count):
        scene = draw_scene(rng)
        yield {
            "prompt": CAPTION_INSTRUCTION,
            "image": data_uri(load_image(render(scene, rng))),
            "scene": [asdict(item) for item in scene.items],
        }


def caption_accuracy(columns: Mapping[str, Any], text: str) -> float:
    """Share of the scene's attributes that a caption states right, in [0, 1]."""
    return accuracy(Scene(tuple(Item(**item) for item in columns["scene"])), text)


def wish_rows(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Wishes near molecules that the policy has not seen."""
    for prompt in held_out_wishes(count, seed):
        yield {"prompt": prompt}


def wish_satisfaction(columns: Mapping[str, Any], text: str) -> float:
    """Share of the wish's ranges that a molecule meets, in [0, 1]; an invalid one meets none."""
    molecule = check(smiles_of(text))
    card = card_of(molecule.smiles) if isinstance(molecule, ValidMolecule) else None
    return satisfaction(wish_of(columns["prompt"]), card)


WORLDS = {
    "captions": World("nano-captioner", "captioning", caption_rows, caption_accuracy, 56),
    "molecules": World("nano-molgen", "molecule", wish_rows, wish_satisfaction, 60, "molecules"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--world", choices=tuple(WORLDS), default="captions")
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=5, help="draws of the first N")
    parser.add_argument("--soft", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    world = WORLDS[args.world]
    args.out.mkdir(parents=True, exist_ok=True)
    source = args.out / "prompts.jsonl"
    lines = [json.dumps(row) + "\n" for row in world.rows(args.rows, args.seed)]
    source.write_text("".join(lines), encoding="utf-8")
    sampling = Sampling(
        args.samples, (args.temperature,), max_tokens=world.max_tokens, writes=world.writes
    )
    policy = find_policy(ModelConfig(model_name_or_path=world.policy)).weights
    plan = BestOfNPlan(
        JobPlan(
            str(source),
            args.out,
            make_scheme("pointwise", both_orders=False),
            load_rubric(world.rubric),
            check_texts,
            Policy(world.policy, sampling, partial(open_policy, policy, "vllm")),
        ),
        scored_truth(world.scorer),
        args.seeds,
    )
    judge = Judge.from_folder("nano", decoding={"soft": args.soft})
    report = asyncio.run(best_of_n(plan, lambda: judge))
    print(report.table())
    print(json.dumps({"world": args.world, **report.to_json()}))


if __name__ == "__main__":
    main()
