"""Training that is complete is not gone on with."""

from __future__ import annotations

from pathlib import Path

import torch
from datasets import Dataset
from torch import nn
from transformers import Trainer, TrainingArguments

from rl_recipes.finish import train_to_end

STEPS = 3


class Line(nn.Module):
    """Fits y = w x."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.0))
        self.calls = 0

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        self.calls += 1
        return {"loss": ((self.weight * x - labels) ** 2).mean()}


def trainer(folder: Path, model: Line) -> Trainer:
    rows = [{"x": float(number), "labels": 2.0 * number} for number in range(8)]
    return Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(folder),
            max_steps=STEPS,  # of 8 an epoch
            per_device_train_batch_size=1,
            save_steps=2,
            learning_rate=0.1,
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(rows),
    )


def test_a_complete_checkpoint_is_taken_as_it_is(tmp_path: Path) -> None:
    whole = Line()
    train_to_end(trainer(tmp_path, whole), None)
    assert whole.calls == STEPS
    again = Line()
    gone_on = trainer(tmp_path, again)
    train_to_end(gone_on, str(tmp_path / f"checkpoint-{STEPS}"))
    assert (again.calls, gone_on.state.global_step) == (0, STEPS)
    assert again.weight == whole.weight != 0
    earlier = Line()
    train_to_end(trainer(tmp_path, earlier), str(tmp_path / "checkpoint-2"))
    assert earlier.calls == 1
    assert torch.isclose(earlier.weight, whole.weight)
