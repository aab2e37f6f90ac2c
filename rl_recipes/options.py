"""What every recipe is told beside TRL's own options: its data, its judges, and how it is watched.

The fields are options of ``flex-rl``, by these names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal


@dataclass(frozen=True)
class RunOptions:
    """Options that all recipes share."""

    _argument_group_name: ClassVar[str] = "the run"

    recipe: str = field(metadata={"help": "What is aligned: captioning or molecules."})
    data: str | None = field(
        default=None,
        metadata={
            "help": "Rows to train on: a .jsonl or .parquet file, a folder of a dataset, or a hub "
            "id (name:split). By default the recipe's own synthetic ones."
        },
    )
    eval_data: str | None = field(
        default=None, metadata={"help": "Held-out rows, as --data. By default the recipe's own."}
    )
    train_rows: int = field(
        default=1000, metadata={"help": "How many of the rows are trained on; 0: all of --data."}
    )
    eval_rows: int = field(
        default=256,
        metadata={
            "help": "How many held-out rows the base and the policy answer for the figures; 0: "
            "none, and none are watched in training."
        },
    )
    watch_rows: int = field(
        default=64, metadata={"help": "Of the held-out rows, those looked at during training."}
    )
    watch_steps: int = field(
        default=20,
        metadata={
            "help": "Steps between looks at what the reward does not see (true accuracy, control "
            "property), logged as watch/...; 0: none."
        },
    )
    judge: str = field(
        default="nano",
        metadata={
            "help": "The judge whose reward is trained on: nano, a folder or a hub id; served on "
            "this machine for the length of the run, unless --reward_url says where it is."
        },
    )
    serve_options: str = field(
        default="",
        metadata={"help": "Options of `flex-reward serve` for that judge, e.g. '--votes 3'."},
    )
    reward_url: str | None = field(
        default=None, metadata={"help": "Address of a reward server that runs elsewhere."}
    )
    reward_deadline_s: float = field(
        default=120.0,
        metadata={"help": "Seconds for the rewards of one batch; keep it below --ddp_timeout."},
    )
    unrewarded_logs: int = field(
        default=3,
        metadata={
            "help": "Logs in a row (see --logging_steps) without one judged sample after which the "
            "run ends, to be gone on with when the reward server is back; 0: never."
        },
    )
    eval_judge: str | None = field(
        default=None,
        metadata={
            "help": "The judge of evaluations, best another one; by default --judge, or what "
            "--reward_url serves."
        },
    )
    eval_serve_options: str = field(
        default="--votes 3 --temperature 0.7 --sampling-seed 1000",
        metadata={
            "help": "Options of `flex-reward serve` for evaluations: sampled votes by default, "
            "so that not the very replies are counted that were trained on."
        },
    )
    eval_url: str | None = field(
        default=None, metadata={"help": "Address of a reward server for evaluations."}
    )
    compare: Literal["pointwise", "pairwise"] = field(
        default="pointwise",
        metadata={
            "help": "How two answers are compared, for the win rate against the base and for DPO's "
            "pairs: by a score each, or side by side in both orders, which takes a judge that has "
            "the pairwise protocol."
        },
    )
    freeze_vision: bool = field(
        default=False,
        metadata={"help": "Leave the vision and audio towers as they are in the base."},
    )
    save_dtype: Literal["bfloat16", "float16", "float32"] = field(
        default="bfloat16", metadata={"help": "Number format of the saved weights."}
    )
    dry_run: bool = field(
        default=False,
        metadata={"help": "Check data, rewards and model, print what was resolved, train nothing."},
    )


@dataclass(frozen=True)
class PairOptions:
    """Options of ``flex-rl dpo``: where the pairs come from."""

    _argument_group_name: ClassVar[str] = "pairs"

    pairs: str | None = field(
        default=None,
        metadata={
            "help": "Preference rows that are there already (prompt, chosen, rejected, and images "
            "where there are some), as --data. By default they are made: the base answers, "
            "the judge labels."
        },
    )
    rounds: int = field(
        default=1,
        metadata={
            "help": "How often pairs are made and trained on: from the second round on, the policy "
            "of the round before answers and is the reference. Each round before the last has a "
            "folder OUTPUT_DIR/round-N."
        },
    )
    pairs_only: bool = field(
        default=False, metadata={"help": "Make the pairs, into OUTPUT_DIR/pairs, and stop."}
    )
    temperatures: list[float] = field(
        default_factory=lambda: [0.7, 1.0],
        metadata={"help": "Temperatures at which the base answers each row."},
    )
    samples: int = field(default=2, metadata={"help": "Answers at each of these temperatures."})
    max_answer_tokens: int = field(
        default=256, metadata={"help": "Longest answer; those that are cut off are not paired."}
    )
    min_margin: float = field(
        default=0.0,
        metadata={"help": "Best and worst answer are a pair where their rewards differ by more."},
    )
    min_labelled: float = field(
        default=0.9,
        metadata={
            "help": "Least share of answers that must get a reward; below it nothing is trained, "
            "and the same command asks for the missing ones again."
        },
    )
    sampler_options: str = field(
        default="{}",
        metadata={
            "help": "vLLM's engine arguments for sampling, as a JSON object, e.g. "
            '\'{"enforce_eager": true, "gpu_memory_utilization": 0.8}\'.'
        },
    )

    def __post_init__(self) -> None:
        if self.samples * len(self.temperatures) < 2:
            raise ValueError(
                f"a pair takes two answers to a row at least, got {self.samples} --samples at "
                f"{len(self.temperatures)} --temperatures"
            )
        if self.rounds < 1:
            raise ValueError(f"--rounds is at least 1, got {self.rounds}")
        if self.rounds > 1 and (self.pairs is not None or self.pairs_only):
            raise ValueError(
                f"--rounds {self.rounds} makes pairs and trains on them by turns; with --pairs or "
                "--pairs_only there is one round: give --rounds 1"
            )
