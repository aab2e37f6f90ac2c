"""What the molecules recipe is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal


@dataclass(frozen=True)
class MoleculesOptions:
    """Options of the molecules recipe.

    Rows of ``--data`` hold a ``prompt`` (text or chat messages) that states a wish, such as
    ``Find a molecule with rings 1 to 2, logP 1.0 to 3.0.``
    """

    _argument_group_name: ClassVar[str] = "molecules"

    instruction: str = field(
        default="",
        metadata={
            "help": "System message before each wish that has none, which tells a policy how to "
            "answer, e.g. with one SMILES in <answer> tags; nano-molgen needs none."
        },
    )
    rubric: str = field(
        default="molecule", metadata={"help": "Rubric that the judge goes by, for molecules."}
    )
    reward: Literal["judge", "lipophilicity"] = field(
        default="judge",
        metadata={
            "help": "Who rewards; lipophilicity (logP and nothing else) is an example of a reward "
            "that is hacked, to see the watch catch it."
        },
    )
    refuse_alerts: bool = field(
        default=False,
        metadata={"help": "Molecules with a PAINS or BRENK alert get 0, and are not judged."},
    )
    desirability_weight: float = field(
        default=0.0,
        metadata={
            "help": "Weight of drug-likeness, ease of synthesis and freedom from alerts (their "
            "geometric mean) beside the judge's weight of 1."
        },
    )
    bucket_size: int = field(
        default=25,
        metadata={"help": "Molecules of one scaffold that get their full reward for one wish."},
    )
    bucket_min_reward: float = field(
        default=0.4, metadata={"help": "Least reward with which a molecule is remembered."}
    )
    diversity_penalty: float = field(
        default=0.0,
        metadata={
            "help": "What the reward of a molecule that was rewarded before, or of one whose "
            "scaffold's bucket is full, is multiplied by."
        },
    )
    eval_samples: int = field(
        default=2, metadata={"help": "Molecules for each held-out wish of an evaluation."}
    )
    eval_temperature: float = field(
        default=1.0, metadata={"help": "Temperature at which they are sampled."}
    )
    max_molecule_tokens: int = field(
        default=60, metadata={"help": "Longest answer of an evaluation, in tokens."}
    )
    watch_slack: float = field(
        default=0.4,
        metadata={
            "help": "How far the mean SA score (1 to 10) may move from its start before the run is "
            "warned that reward and control part."
        },
    )
    watch_stop: bool = field(
        default=False, metadata={"help": "Stop the run then, instead of warning."}
    )
