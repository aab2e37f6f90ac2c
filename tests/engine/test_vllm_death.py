"""A vLLM engine that is killed: noticed by itself, and started again in the same process."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal

import pytest

from judge import EngineDeadError, EngineError, Judge, JudgeRequest, Verdict, load_rubric
from judge.engines import SleepingEngine, WatchedEngine
from judge.types import Candidate

pytestmark = [pytest.mark.engine, pytest.mark.slow]

REQUEST = JudgeRequest(
    ("Describe every object.",), (Candidate("a red circle."),), load_rubric("captioning")
)


@pytest.mark.timeout(900)
async def test_a_killed_engine_is_noticed_and_can_be_started_again() -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed (make setup installs it)")
    others = {child.pid for child in multiprocessing.active_children()}
    async with Judge.from_folder("nano", enforce_eager=True) as judge:
        engine = judge.engine
        assert isinstance(engine, WatchedEngine)
        assert isinstance(engine, SleepingEngine)
        assert not engine.is_dead
        with pytest.raises(EngineError, match="enable_sleep_mode=true"):
            await engine.sleep(1)
        (process,) = (
            child for child in multiprocessing.active_children() if child.pid not in others
        )
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            while not engine.is_dead:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        with pytest.raises(EngineDeadError):
            await judge.judge(REQUEST)
        await judge.close()
        await judge.start()
        assert not engine.is_dead
        assert isinstance(await judge.judge(REQUEST), Verdict)
