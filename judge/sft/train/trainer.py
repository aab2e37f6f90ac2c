"""TRL's SFTTrainer, whose evaluations also judge held-out rows by the live weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accelerate.utils import is_peft_model
from transformers.trainer_utils import EvalLoopOutput
from trl import SFTTrainer
from trl.models import unwrap_model_for_generation

from judge.engines.transformers_model import TransformersModel
from judge.profile import JudgeProfile
from judge.sft.samples import JudgingRow
from judge.sft.train.evaluate import judge_rows


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows to judge during training, in which prompts, and the base's processor."""

    rows: tuple[JudgingRow, ...]
    profile: JudgeProfile
    processor: Any


class JudgeSftTrainer(SFTTrainer):
    """As its parent; ``held_out`` is judged at each evaluation, or nothing where it is None."""

    def __init__(self, *, held_out: HeldOut | None, **options: Any) -> None:
        super().__init__(**options)
        self._held_out = held_out
        # The loss is TRL's own and takes the tokens of the whole batch; Qwen-VL's models deny that
        # they do. Left so, it would be a mean of means that depends on how a batch is split over
        # processes and accumulation steps.
        self.model_accepts_loss_kwargs = True

    @property
    def tokens_trained(self) -> int:
        """Tokens that were trained on since the trainer was made, over all processes."""
        return int(self._total_train_tokens)

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """As its parent's, with the figures of judging among the metrics: so they are logged, and
        can decide which checkpoint is the best.
        """
        output = super().evaluation_loop(
            dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix
        )
        if self._held_out is not None and metric_key_prefix == "eval":
            assert output.metrics is not None  # it holds the loss
            output.metrics.update(self._judge(self._held_out))
        return output

    def _judge(self, held_out: HeldOut) -> dict[str, float]:
        """Judges by the weights as they are, in every process alike."""
        checkpointing: Any = self.args.gradient_checkpointing_kwargs  # TRL has read its text
        with unwrap_model_for_generation(
            self.model_wrapped, self.accelerator, gradient_checkpointing_kwargs=checkpointing
        ) as live:
            model = live.get_base_model() if is_peft_model(live) else live
            figures = judge_rows(
                held_out.rows,
                held_out.profile,
                TransformersModel(model, held_out.processor, self.accelerator.device),
                max_batch=self.args.per_device_eval_batch_size,
                show_progress=self.is_world_process_zero() and not self.args.disable_tqdm,
            )
        return figures.metrics()
