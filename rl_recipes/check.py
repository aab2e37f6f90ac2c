"""``--dry_run``: everything that a run needs, looked at before it is begun."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from judge.errors import RequestError
from judge.folder import open_judge
from reward.sync_client import SyncRewardClient
from rl_recipes.policy import find_policy, load_processor
from rl_recipes.preferences import engine_args, load_pairs
from rl_recipes.resolved import as_yaml, resolved
from rl_recipes.run import Run


def check(run: Run) -> str:
    """Looks at rows, judge or reward server, reward and model; returns what was found, to print.

    Weights are not loaded and no server is started: a judge that is served for the run is only
    looked for.

    Raises:
        RequestError: rows, options or a model that a run would stop at.
        JudgeFolderError: no such judge.
        ServerNotReadyError: the reward server does not answer.
    """
    config = run.config
    lines = [as_yaml(resolved(config, *([run.pairs] if run.pairs else []))), "checked:"]
    base = find_policy(config.model)
    processor = load_processor(base)
    tokenizer = getattr(processor, "tokenizer", processor)
    lines.append(f"  model: {base.name} ({base.config.model_type}, {len(tokenizer)} tokens)")
    lines += [f"  rows: {_rows(run)}", f"  reward: {_reward(run)}"]
    lines += [f"  {role}: {_judge(url, name)}" for role, url, name in _judges(run)]
    return "\n".join(lines)


def _rows(run: Run) -> str:
    if run.pairs is not None and run.pairs.pairs is not None:
        rows = load_pairs(run.pairs.pairs)
    else:
        rows = run.recipe.load_dataset(run.config)
    if not len(rows):
        raise RequestError("there are no rows to train on")
    return f"{len(rows)} with the columns {', '.join(rows.column_names)}"


def _reward(run: Run) -> str:
    if run.pairs is not None:
        engine_args(run.pairs)
    names = [
        getattr(each, "__name__", str(each)) for each in run.recipe.reward_functions(_told(run))
    ]
    return f"{', '.join(names)}, by the rubric {run.recipe.rubric(run.config)!r}"


def _told(run: Run) -> Any:
    """The configuration with some address, as reward functions ask for one."""
    return replace(run.config, reward_url=run.config.run.reward_url or "http://127.0.0.1:1")


def _judges(run: Run) -> list[tuple[str, str | None, str]]:
    told = run.config.run
    eval_url = told.eval_url or (told.reward_url if told.eval_judge is None else None)
    judges = [("judge", told.reward_url, told.judge)]
    if told.eval_rows:
        judges.append(("judge of evaluations", eval_url, told.eval_judge or told.judge))
    return judges


def _judge(url: str | None, name: str) -> str:
    if url is None:
        profile = open_judge(name).profile
        return f"{profile.name} {profile.version}, to be served here"
    with SyncRewardClient(url) as client:
        info = client.info()
    return f"{info['name']} {info['version']} at {url} ({info['state']})"
