"""What the captioning recipe is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from judge.nano.tasks import CAPTION_INSTRUCTION


@dataclass(frozen=True)
class CaptioningOptions:
    """Options of the captioning recipe.

    Rows of ``--data`` hold a picture, and optionally a ``prompt`` (text or chat messages), a
    ``reference`` (a caption or a list of them) and ``facts`` (a list of phrases that are true of
    the picture, such as "red circle" or "dog").
    """

    _argument_group_name: ClassVar[str] = "captioning"

    image_column: str = field(default="image", metadata={"help": "Column with the picture."})
    instruction: str = field(
        default=CAPTION_INSTRUCTION, metadata={"help": "Prompt of rows that have none."}
    )
    reward: str | None = field(
        default=None,
        metadata={
            "help": "Gates, terms and weights of the reward and the judge's rubric: a YAML file as "
            "`flex-reward serve --reward` takes it. By default rl_recipes/captioning/reward.yaml."
        },
    )
    claims_weight: float = field(
        default=0.0,
        metadata={
            "help": "Weight of claim precision and recall (their harmonic mean) beside the judge's "
            "and the terms', for rows with facts; 0: facts are for evaluation alone."
        },
    )
    show_reference: bool = field(
        default=False, metadata={"help": "Show the judge the row's reference."}
    )
    max_caption_tokens: int = field(
        default=56, metadata={"help": "Longest caption of an evaluation, in tokens."}
    )
    watch_words: float = field(
        default=10.0,
        metadata={"help": "Words by which captions may change in length before it is warned of."},
    )
    watch_stop: bool = field(
        default=False,
        metadata={"help": "Stop training when the reward rises and what it does not see parts."},
    )
