"""A clock that jumps, as when NTP corrects it: the server's ``time.time`` is off by what a file
says (see :mod:`tests.faults.serve`). Monotonic clocks cannot jump, so they are left alone.
"""

from __future__ import annotations

import asyncio

import pytest

from reward import RewardClient
from tests.faults.asking import samples, under_way
from tests.faults.conftest import Start
from tests.faults.servers import ServerProcess

DAY_S = 86_400


def jump(server: ServerProcess, seconds: int) -> None:
    """At once and whole: a reader sees the old file or the new one."""
    new = server.folder / "clock.new"
    new.write_text(str(seconds), encoding="utf-8")
    new.rename(server.folder / "clock")


@pytest.mark.parametrize("seconds", [DAY_S, -DAY_S], ids=["a day on", "a day back"])
async def test_deadlines_do_not_go_by_the_clock(seconds: int, start: Start) -> None:
    """The run sees: nothing. What had time is judged, and what hangs is given up in time."""
    server = start("--store", "verdicts.db", "--store-max-age", "1h", delay=1.0)
    asked = [*samples(2), *samples(1, text="hang")]
    loop = asyncio.get_running_loop()
    async with RewardClient(server.url) as client:
        begun = loop.time()
        call = asyncio.create_task(client.rewards(asked, rubric="captioning", deadline_s=5.0))
        await under_way(server, 3)
        jump(server, seconds)
        rewards = await call
        assert [each.reason for each in rewards] == [None, None, "deadline"]
        assert 3.0 < loop.time() - begun < 20.0
        again = await client.rewards(samples(2), rubric="captioning", deadline_s=60.0)
    assert [each.score for each in again] == [7.0, 7.0]
    assert {server.judged[f"#s-{number}"] for number in range(2)} == {1}  # from the store
