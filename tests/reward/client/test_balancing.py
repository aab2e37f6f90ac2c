"""Who gets which samples."""

from __future__ import annotations

from collections import Counter

import pytest

from judge.types import Image
from reward.client.access import Access
from reward.client.balancing import first, pick, spread
from reward.client.samples import WireSample
from reward.client.server import Server


@pytest.fixture
async def servers() -> list[Server]:
    return [Server(f"http://judge-{name}:8471", Access()) for name in "abc"]


def group(name: str, size: int = 8) -> list[WireSample]:
    """Samples of one picture."""
    return [WireSample({"prompt": "?"}, (Image(b"", name * 8, 1, 1),))] * size


def texts(prompt: str, size: int = 8) -> list[WireSample]:
    return [WireSample({"prompt": prompt})] * size


def given(samples: list[WireSample], servers: list[Server]) -> dict[int, Server]:
    shares = spread(samples, servers)
    places = {place: share.server for share in shares for place in share.places}
    assert sorted(places) == list(range(len(samples)))
    return places


async def test_a_group_with_a_picture_stays_together(servers: list[Server]) -> None:
    samples = [sample for number in range(24) for sample in group(f"{number:04}")]
    before = given(samples, servers)
    for start in range(0, len(samples), 8):
        assert len({before[place] for place in range(start, start + 8)}) == 1
    assert set(before.values()) == set(servers)


async def test_a_picture_stays_where_it_was(servers: list[Server]) -> None:
    names = [f"{number:04}" for number in range(60)]
    homes = {name: first(name, servers) for name in names}
    left = servers[:2]
    moved = [name for name in names if first(name, left) is not homes[name]]
    assert {homes[name] for name in moved} == {servers[2]}
    assert 10 < len(moved) < 30


async def test_no_server_is_far_ahead(servers: list[Server]) -> None:
    same = [sample for _ in range(40) for sample in group("one")]
    counts = Counter(given(same, servers).values())
    assert max(counts.values()) <= 1.25 * 320 / 3 + 16 + 32
    assert len(counts) == 3


async def test_texts_go_where_least_is_under_way(servers: list[Server]) -> None:
    with servers[0].given(64), servers[1].given(16):
        samples = [sample for number in range(8) for sample in texts(str(number))]
        counts = Counter(given(samples, servers).values())
        assert pick(None, 1, servers) is servers[2]
    assert counts[servers[0]] == 0
    assert counts[servers[2]] > counts[servers[1]] > 0
    assert servers[0].under_way == 0


async def test_texts_of_one_prompt_stay_together(servers: list[Server]) -> None:
    places = given([*texts("a"), *texts("b"), *texts("c")], servers)
    assert [len({places[place] for place in range(start, start + 8)}) for start in (0, 8, 16)] == [
        1,
        1,
        1,
    ]
    assert len(set(places.values())) == 3


async def test_a_share_fits_a_request(servers: list[Server]) -> None:
    shares = spread(texts("a", 2500), servers[:1])
    assert [len(share.places) for share in shares] == [1024, 1024, 452]
