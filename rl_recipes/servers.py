"""The reward servers of a run: those that run elsewhere, or ones started for the run's length."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from judge.errors import RequestError
from judge.sft.train.checkpoints import claim_folder
from reward.client import SyncRewardClient
from rl_recipes.options import RunOptions
from rl_recipes.recipe import RunConfig
from rl_recipes.serving import reward_server

JUDGE = "judge.json"
"""Which judge rewards, in the run's folder."""
SERVER_LOG, EVAL_SERVER_LOG = "server.log", "eval-server.log"


@contextmanager
def rewarding(config: RunConfig[Any]) -> Iterator[str]:
    """Address of the server that gives rewards: ``--reward_url``, or one started here.

    Raises:
        RequestError: several processes, each of which would start one.
        EngineError, ServerNotReadyError: it cannot be started, or does not answer.
    """
    run = config.run
    if run.reward_url is not None:
        yield _ready(run.reward_url)
        return
    if config.training.world_size > 1:
        raise RequestError(
            "a run of several processes takes a reward server that is there already: start "
            f"`flex-reward serve --judge {run.judge}` apart, and give --reward_url"
        )
    options = shlex.split(run.serve_options)
    with reward_server(run.judge, config.out / SERVER_LOG, options=options) as url:
        yield url


@contextmanager
def evaluating(config: RunConfig[Any], reward_url: str | None) -> Iterator[str]:
    """Address of the server that judges evaluations: ``--eval_url``, one started here, or that of
    the rewards where the options say the same of both.

    Args:
        config: of the run.
        reward_url: the server that gives rewards, if it is running.
    """
    run = config.run
    elsewhere = run.eval_url or (run.reward_url if run.eval_judge is None else None)
    if elsewhere is not None:
        yield _ready(elsewhere)
    elif reward_url is not None and rewards_and_evaluates(run):
        yield reward_url
    else:
        options = shlex.split(run.eval_serve_options)
        judge = run.eval_judge or run.judge
        with reward_server(judge, config.out / EVAL_SERVER_LOG, options=options) as url:
            yield url


def claim_judge(config: RunConfig[Any], url: str, *, is_begun: bool | None = None) -> None:
    """Notes which judge gives the run's rewards, by its weights, prompts and decoding; another one
    does not go on with them.

    Args:
        config: of the run.
        url: of its reward server.
        is_begun: as :func:`~judge.sft.train.checkpoints.claim_folder` takes it.

    Raises:
        RequestError: the run was rewarded by another judge.
    """
    if config.training.process_index > 0:
        return
    with SyncRewardClient(url) as client:
        info = client.info()
    judge = {"judge": info["name"], "judge_fingerprint": info["fingerprint"]}
    claim_folder(config.out, judge, is_begun=is_begun, file=JUDGE)


def rewards_and_evaluates(run: RunOptions) -> bool:
    """Whether the server that gives rewards also judges evaluations, where both are served here."""
    return run.eval_judge in {None, run.judge} and run.eval_serve_options == run.serve_options


def _ready(url: str) -> str:
    with SyncRewardClient(url) as client:
        client.wait_ready()
    return url
