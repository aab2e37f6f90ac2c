"""``--dry_run``: everything that a run needs, looked at before it is begun."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers import AutoConfig
from transformers.integrations.integration_utils import get_available_reporting_integrations

from judge.errors import JudgeError, RequestError
from judge.folder import open_judge
from reward.client import SyncRewardClient
from rl_recipes.policy import find_policy, load_processor
from rl_recipes.preferences import engine_args, load_pairs
from rl_recipes.resolved import as_yaml, resolved
from rl_recipes.run import Run

_MISSING = "MISSING: "


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, to print; ``is_ready`` where nothing is missing."""

    text: str
    is_ready: bool


def check(run: Run) -> Checked:
    """Looks at model, rows, reward and judges, at all of them whatever one of them lacks.

    No weights are loaded and no server is started: for a judge that is served for the run, the
    configuration of its weights is looked for. Nothing is written.
    """
    found = [(name, _finding(look)) for name, look in _looks(run)]
    told = as_yaml(resolved(run.config, *([run.pairs] if run.pairs else [])))
    lines = [f"  {name}: {finding}" for name, finding in found]
    is_ready = not any(finding.startswith(_MISSING) for _, finding in found)
    return Checked("\n".join([told, "checked:", *lines]), is_ready)


def _finding(look: Callable[[], str]) -> str:
    try:
        return look()
    except JudgeError as error:
        return _MISSING + " ".join(str(error).split())


def _looks(run: Run) -> Iterator[tuple[str, Callable[[], str]]]:
    told = run.config.run
    yield "model", lambda: _model(run)
    yield "rows", lambda: _rows(run)
    yield "reward", lambda: _reward(run)
    yield "reports to", lambda: _reporters(run)
    yield "judge", lambda: _judge(run, told.reward_url, told.judge)
    if told.eval_rows:
        eval_url = told.eval_url or (told.reward_url if told.eval_judge is None else None)
        eval_judge = told.eval_judge or told.judge
        yield "judge of evaluations", lambda: _judge(run, eval_url, eval_judge)


def _model(run: Run) -> str:
    base = find_policy(run.config.model)
    try:
        processor = load_processor(base)
    except (OSError, ValueError) as error:
        raise RequestError(f"the processor of {base.name} cannot be loaded: {error}") from error
    tokenizer = getattr(processor, "tokenizer", processor)
    return f"{base.name} ({base.config.model_type}, {len(tokenizer)} tokens)"


def _rows(run: Run) -> str:
    if run.pairs is not None and run.pairs.pairs is not None:
        rows = load_pairs(run.pairs.pairs)
    else:
        rows = run.recipe.load_dataset(run.config)
    if not len(rows):
        raise RequestError("there are no rows to train on: give --data, or --train_rows above 0")
    return f"{len(rows)} with the columns {', '.join(rows.column_names)}"


def _reward(run: Run) -> str:
    if run.pairs is not None:
        engine_args(run.pairs)
    # Reward functions ask for some address.
    told = replace(run.config, reward_url=run.config.run.reward_url or "http://127.0.0.1:1")
    names = [_name_of(each) for each in run.recipe.reward_functions(told)]
    return f"{', '.join(names)}, by the rubric {run.recipe.rubric(run.config)!r}"


def _reporters(run: Run) -> str:
    reporters = [*(run.config.training.report_to or ())]
    known = get_available_reporting_integrations()
    missing = [name for name in reporters if name not in known]
    if missing:
        raise RequestError(
            f"--report_to {' '.join(missing)} takes a package that is not installed, or is no "
            f"reporter of transformers; installed are {', '.join(known)}"
        )
    return ", ".join(reporters) or "none"


def _name_of(function: Any) -> str:
    return getattr(function, "__name__", str(function))


def _judge(run: Run, url: str | None, name: str) -> str:
    if url is None:
        folder = open_judge(name)
        profile = folder.profile
        _check_protocols(run, profile.protocols)
        _check_weights(folder.weights)
        return f"{profile.name} {profile.version} ({folder.weights}), to be served here"
    with SyncRewardClient(url) as client:
        info = client.info()
    _check_protocols(run, info["protocols"])
    rubric = run.recipe.rubric(run.config)
    if rubric not in info["rubrics"]:
        raise RequestError(f"{url} has no rubric {rubric!r}; it has {', '.join(info['rubrics'])}")
    return f"{info['name']} {info['version']} at {url} ({info['state']})"


def _check_weights(weights: str) -> None:
    """Whether a judge that is to be served here can be."""
    if Path(weights).is_dir():
        return
    try:
        AutoConfig.from_pretrained(weights)
    except (OSError, ValueError) as error:
        raise RequestError(
            f"the judge's weights {weights} cannot be loaded here: {error} (--reward_url takes a "
            "judge that is served elsewhere)"
        ) from error


def _check_protocols(run: Run, known: Collection[str]) -> None:
    """Whether the judge can do what ``--compare`` says."""
    if run.config.run.compare not in known:
        raise RequestError(
            f"--compare {run.config.run.compare} takes a judge with that protocol; this one has "
            f"{', '.join(known)}"
        )
