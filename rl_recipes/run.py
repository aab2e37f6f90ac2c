"""One run from start to end: rows, reward, training, evaluation, summary."""

from __future__ import annotations

import gc
import json
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import torch
from datasets import Dataset
from transformers import Trainer

from judge.errors import RequestError
from judge.sft.train.base import Base
from judge.sft.train.checkpoints import claim_folder, last_whole_checkpoint
from judge.sft.train.save import save_weights
from reward.client import SyncRewardClient
from rl_recipes.finish import train_to_end
from rl_recipes.history import last_step
from rl_recipes.options import PairOptions
from rl_recipes.plots import plot_history
from rl_recipes.policy import find_policy, open_policy
from rl_recipes.preferences import (
    is_labelling_begun,
    load_pairs,
    make_pairs,
    pairs_trained_on,
    read_report,
    sample,
)
from rl_recipes.recipe import Recipe, RunConfig
from rl_recipes.resolved import telling
from rl_recipes.rounds import (
    in_folder,
    next_base,
    round_folders,
    take_policy,
    whole_history,
    write_next_base,
)
from rl_recipes.servers import claim_judge, evaluating, rewarding, rewards_and_evaluates
from rl_recipes.trainers import dpo_trainer, grpo_trainer
from rl_recipes.unrewarded import unjudged_rates

POLICY, EVALUATION, SUMMARY, PLOT = "policy", "evaluation", "summary.json", "plot.png"
BEFORE, AFTER = "before", "after"
_FIGURES = "figures.json"
_STOPPED = "stopped"
"""Key in a round's summary: whether a callback ended its training."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """A recipe and everything that its run is told; ``pairs`` for DPO alone.

    The folder of the run holds ``run.json`` (what it was told), ``checkpoint-…`` (gone on with by
    the same command), ``history.jsonl``, ``plot.png``, ``policy/``, ``evaluation/`` and
    ``summary.json``; of DPO in rounds, those before the last have folders like it, ``round-…``.
    """

    recipe: Recipe[Any]
    config: RunConfig[Any]
    pairs: PairOptions | None = None

    def grpo(self) -> dict[str, Any]:
        """Trains by GRPO and evaluates; returns the summary. To be called in every process.

        Raises:
            RequestError: options that do not hold together, or a folder of another run.
            EngineError, ServerNotReadyError: a reward server that does not start or answer.
        """
        base, started = self._claimed(), time.monotonic()
        with ExitStack() as stack:
            url = stack.enter_context(rewarding(self.config))
            claim_judge(self.config, url)
            run = replace(self, config=replace(self.config, reward_url=url))
            run._train(base, lambda: grpo_trainer(run.recipe, run.config, base))
            run._make_room(stack)
            return run._concluded(started)

    def dpo(self) -> dict[str, Any]:
        """Makes pairs or reads them, trains by DPO, as many rounds as told, and evaluates; returns
        the summary.

        Raises:
            RequestError: as :meth:`grpo`; and no pairs, or too few answers that were judged.
            EngineError, ServerNotReadyError: as :meth:`grpo`.
        """
        assert self.pairs is not None
        base, started = self._claimed(self.pairs), time.monotonic()
        *earlier, _ = round_folders(self.config.out)
        for number, folder in enumerate(earlier, 1):
            print(f"round {number} of {self.pairs.rounds}", flush=True)
            before = whole_history(earlier[: number - 1])
            ended = replace(self, config=in_folder(self.config, folder))._round(base, before)
            if ended:
                logger.warning("training was stopped in round %d, which is the last one", number)
                take_policy(folder / POLICY, self.config.out / POLICY)
                return self._concluded(started)
            base = next_base(self.config, folder / POLICY)
        if earlier:
            print(f"round {self.pairs.rounds} of {self.pairs.rounds}", flush=True)
        with ExitStack() as stack:
            run, pairs = self._preferences(base, stack)
            run._make_room(stack)
            if self.pairs.pairs_only:
                return {"pairs": len(pairs), "seconds": round(time.monotonic() - started, 1)}
            before = whole_history(earlier)
            run._train(base, lambda: dpo_trainer(run.recipe, run.config, base, pairs, before))
            return run._concluded(started)

    def evaluate(self) -> dict[str, Any]:
        """Measures the base, and the run's policy where there is one, on held-out rows.

        Raises:
            RequestError: held-out rows that cannot be read, or no such policy.
        """
        started = time.monotonic()
        self.config.out.mkdir(parents=True, exist_ok=True)
        return self._concluded(started)

    def _claimed(self, *more: Any) -> Base:
        config = self.config
        with config.training.main_process_first(desc="claiming the output folder"):
            if config.training.process_index == 0:
                claim_folder(config.out, telling(config, *more))
        return find_policy(config.model)

    def _round(self, base: Base, before: list[dict[str, Any]]) -> bool:
        """A round of DPO before the last one, unless it is done; whether its training was stopped
        early, by a callback.
        """
        assert self.pairs is not None
        config, started = self.config, time.monotonic()
        summary = config.out / SUMMARY
        is_begun = summary.is_file() or last_whole_checkpoint(config.out) is not None
        claim_folder(config.out, telling(config, self.pairs), is_begun=is_begun)
        if summary.is_file():
            return bool(json.loads(summary.read_text(encoding="utf-8"))[_STOPPED])
        with ExitStack() as stack:
            run, pairs = self._preferences(base, stack)
        stopped = run._train(base, lambda: dpo_trainer(run.recipe, run.config, base, pairs, before))
        write_next_base(base, config.out / POLICY, self._save_dtype)
        run._summarised({_STOPPED: stopped}, started)
        return stopped

    def _preferences(self, base: Base, stack: ExitStack) -> tuple[Run, Dataset]:
        """The pairs, and the run with the server that labelled them, if there was one."""
        assert self.pairs is not None
        if self.pairs.pairs is not None:
            return self, load_pairs(self.pairs.pairs)
        made = pairs_trained_on(self.config.out)
        if made is not None:
            return self, made
        if self.config.training.world_size > 1:
            raise RequestError(
                "a run of several processes takes pairs that are there already: make them by one "
                "process with --pairs_only true, and give --pairs OUTPUT_DIR/pairs/pairs.parquet"
            )
        rows = self.recipe.load_dataset(self.config)
        answers = sample(rows, self.config, self.pairs, base)
        url = stack.enter_context(rewarding(self.config))
        claim_judge(self.config, url, is_begun=is_labelling_begun(self.config.out))
        run = replace(self, config=replace(self.config, reward_url=url))
        return run, make_pairs(run.recipe, rows, answers, run.config, self.pairs)

    def _make_room(self, servers: ExitStack) -> None:
        """Stops a server that gave rewards and is not to judge evaluations: memory may be short."""
        if not rewards_and_evaluates(self.config.run):
            servers.close()

    def _train(self, base: Base, make_trainer: Callable[[], Trainer]) -> bool:
        """Trains and saves the policy; whether a callback stopped it before its last step."""
        config = self.config
        trainer = make_trainer()
        resume = config.training.resume_from_checkpoint or last_whole_checkpoint(config.out)
        train_to_end(trainer, resume)
        save_weights(trainer, base, self._save_dtype, config.out / POLICY)
        trainer.save_state()
        is_stopped = trainer.state.global_step < trainer.state.max_steps
        del trainer
        gc.collect()  # evaluation loads the policy anew
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return is_stopped

    @property
    def _save_dtype(self) -> torch.dtype:
        found: torch.dtype = getattr(torch, self.config.run.save_dtype)
        return found

    def _concluded(self, started: float) -> dict[str, Any]:
        """Evaluates where one process runs, and sums up."""
        config = self.config
        if config.training.process_index > 0:
            return {}
        figures: dict[str, Any] = {}
        if config.run.eval_rows and config.training.world_size == 1:
            figures = self._evaluated()
        elif config.run.eval_rows:
            print("evaluate by one process: flex-rl evaluate with the same options", flush=True)
        return self._summarised(figures, started)

    def _summarised(self, figures: dict[str, Any], started: float) -> dict[str, Any]:
        """Plots, and writes the summary: the figures of an evaluation and those of training."""
        config = self.config
        history = whole_history(round_folders(config.out))
        summary = {
            **figures,
            **self._unjudged(history),
            "seconds": round(time.monotonic() - started, 1),
            "steps": last_step(history),
            "seed": config.training.seed,
        }
        text = json.dumps(summary, indent=2) + "\n"
        plot_history(history, config.out / PLOT, title=f"{config.run.recipe}: {config.out.name}")
        partial = config.out / f"{SUMMARY}.partial"  # a round's summary says that it is done
        partial.write_text(text, encoding="utf-8")
        partial.replace(config.out / SUMMARY)
        return summary

    def _unjudged(self, history: list[dict[str, Any]]) -> dict[str, Any]:
        """Share of what was trained on that got no reward: of GRPO's samples, or of DPO's answers
        where the run labelled them.
        """
        rates = [rate for row in history for rate in unjudged_rates(row)]
        reports = map(read_report, round_folders(self.config.out))
        rates = [report.unlabelled_rate for report in reports if report is not None] or rates
        return {"unjudged_rate": round(fmean(rates), 5)} if rates else {}

    def _evaluated(self) -> dict[str, Any]:
        """Figures of base and policy by the names of both, and which judge judged."""
        config = self.config
        with evaluating(config, config.reward_url or None) as url:
            measured = replace(self, config=replace(config, eval_url=url))
            before = measured._figures(str(config.model.model_name_or_path), BEFORE, None)
            after = {}
            if (config.out / POLICY).is_dir():
                after = measured._figures(str(config.out / POLICY), AFTER, BEFORE)
            with SyncRewardClient(url) as client:
                info = client.info()
        return {
            **{f"{name}_before": value for name, value in before.items()},
            **{f"{name}_after" if name in before else name: v for name, v in after.items()},
            "judge": f"{info['name']} {info['fingerprint']}",
        }

    def _figures(self, policy: str, name: str, against: str | None) -> dict[str, float]:
        config = self.config
        folder = config.out / EVALUATION / name
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.training.seed)
        figures = self.recipe.evaluate(
            open_policy(policy, config.model),
            config,
            folder,
            config.out / EVALUATION / against if against else None,
        )
        figures = {key: round(value, 4) for key, value in figures.items()}
        (folder / _FIGURES).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        return figures


def figures_table(summary: dict[str, Any]) -> str:
    """The summary's figures before and after, to print."""
    names = [name.removesuffix("_before") for name in summary if name.endswith("_before")]
    lines = [f"{'':24s}  before   after"] if names else []
    for name in names:
        values = (summary.get(f"{name}_{when}") for when in (BEFORE, AFTER))
        shown = ("–" if value is None else f"{value:.3f}" for value in values)
        lines.append(f"{name:24s}" + " ".join(f"{value:>7s}" for value in shown))
    rest = {
        name: value for name, value in summary.items() if not name.endswith(("_before", "_after"))
    }
    lines.append(" · ".join(f"{name} {value}" for name, value in rest.items()))
    return "\n".join(lines)
