"""The nano judges: raw pairs, then ``flex-judge curate``, then ``flex-judge sft``."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from judge.folder import FILE, profile_path
from judge.judge import Judge
from judge.nano.raw import write_raw_pairs
from judge.sft.curate.curate import curate
from judge.sft.curate.plan import CuratePlan
from judge.sft.samples import TRAIN
from judge.sft.train.checkpoints import SETTINGS
from judge.sft.train.command import parse_options
from judge.sft.train.report import REPORT
from judge.sft.train.run import run_sft

_RAW = "raw.jsonl"
_OF_THE_RUN = ("checkpoint-*", SETTINGS, REPORT, "trainer_state.json")
"""What a trainer leaves beside a judge and is no part of it."""


@dataclass(frozen=True, slots=True)
class JudgePlan:
    """Sizes of each judge's making; the defaults are those of the shipped weights.

    Of ``pairs`` raw pairs, those on which the nano teacher agrees with the exact scores are cut to
    one answer, and ``rows`` of them are trained on, by these ``options`` of ``flex-judge sft``.
    """

    pairs: int = 25_000
    rows: int = 22_400
    seed: int = 0
    options: tuple[str, ...] = ("--config", "nano")


def make_judge(profile: str, base: Path, plan: JudgePlan, work: Path, folder: Path) -> None:
    """Curates and trains a judge, and copies what makes it one to ``folder``.

    Each step's work is kept in ``work`` and gone on with. Judges that share ``work`` and plan share
    the raw pairs: they differ by the prompts that these become rows in.

    Args:
        profile: the judge's prompts, one of the shipped profiles by its name.
        base: the checkpoint that is fine-tuned.
        plan: sizes.
        work: where raw pairs, curated rows and training checkpoints go.
        folder: where the judge goes; not there yet.
    """
    raw, data, tuned = work / _RAW, work / profile / "data", work / profile / "sft"
    if not raw.is_file():
        write_raw_pairs(raw, plan.pairs, plan.seed)
    _curate(profile, plan, raw, data)
    _fine_tune(profile, base, plan, data / TRAIN, tuned)
    shutil.copytree(tuned, folder, ignore=shutil.ignore_patterns(*_OF_THE_RUN))
    # The trainer names the base by its path on this machine; the profile by what it is called.
    shutil.copyfile(profile_path(profile), folder / FILE)


def _curate(profile: str, plan: JudgePlan, raw: Path, data: Path) -> None:
    teacher = Judge.from_folder(
        "nano-teacher", engine="nano-teacher", decoding={"temperature": 0.1}
    )
    how = CuratePlan(
        source=str(raw),
        seeds=1,
        profile=profile,
        singles=plan.rows,
        single_min_tokens=0,
        pairs=0,
        diversity=False,
        halve_share=0.0,
        validation_share=0.0,
        seed=plan.seed,
    )
    asyncio.run(curate(teacher, how, data, resume=True))


def _fine_tune(profile: str, base: Path, plan: JudgePlan, rows: Path, folder: Path) -> None:
    own = {
        "model_name_or_path": base,
        "data": rows,
        "profile": profile,
        "output_dir": folder,
        "seed": plan.seed,
    }
    given = [text for name, value in own.items() for text in (f"--{name}", str(value))]
    run_sft(*parse_options([*plan.options, *given]))
