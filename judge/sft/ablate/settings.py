"""What is ablated: settings of the training data, by the question that they answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Question = Literal["reasoning", "pictures", "size", "hardening"]
QUESTIONS: tuple[Question, ...] = get_args(Question)


@dataclass(frozen=True, slots=True)
class Setting:
    """The data of one run; base, recipe and evaluation are the same for all.

    Args:
        name: what tells it from the others; a part of a path.
        label: what the table and the plot call it.
        size: rows, in multiples of the plan's.
        profile: built-in profile whose prompts the rows are written in.
        picture_share: share of the rows, in [0, 1], that are replaced by captions of a picture.
        hard_share: share of the rows, in [0, 1], that are replaced by hard negatives.
    """

    name: str
    label: str
    size: float = 1.0
    profile: str = "nano-judge"
    picture_share: float = 0.0
    hard_share: float = 0.0


BASELINE = Setting("baseline", "baseline")
"""The setting that every question compares with: reasoning first, on text alone."""

SETTINGS: dict[Question, tuple[Setting, ...]] = {
    "reasoning": (
        BASELINE,
        Setting("answer-first", "answer first", profile="nano-judge-answer-first"),
    ),
    "pictures": (BASELINE, Setting("pictures", "half pictures", picture_share=0.5)),
    "size": (
        Setting("size-0.25", "0.25× rows", size=0.25),
        Setting("size-0.5", "0.5× rows", size=0.5),
        BASELINE,
        Setting("size-2", "2× rows", size=2),
        Setting("size-4", "4× rows", size=4),
    ),
    "hardening": (BASELINE, Setting("hard-negatives", "hard negatives", hard_share=0.1)),
}
"""Settings by question, in the order in which they are shown."""

LARGEST = max(setting.size for settings in SETTINGS.values() for setting in settings)
HARDEST = max(setting.hard_share for settings in SETTINGS.values() for setting in settings)


def settings_of(questions: Sequence[Question]) -> tuple[Setting, ...]:
    """The settings that these questions need, each once."""
    needed = (setting for question in questions for setting in SETTINGS[question])
    return tuple(dict.fromkeys(needed))


@dataclass(frozen=True, slots=True)
class AblationPlan:
    """What all runs of an ablation share.

    Args:
        base: name of an embedded checkpoint, or path of one of the nano family.
        rows: training rows of size 1×, each seen once.
        batch_size: rows a step.
        samples: held-out samples of each kind (text, picture, molecule) that a judge is measured
            on.
        attacked: held-out weak captions that each attack is measured on.
        engine: what runs the judges that are measured: ``"vllm"`` or ``"transformers"``.
    """

    base: str = "nano-base"
    rows: int = 3200
    batch_size: int = 16
    samples: int = 300
    attacked: int = 10
    engine: str = "vllm"
