"""Which server gets which samples.

Samples that share a picture go to the server that ranks first for its hash (rendezvous hashing,
Thaler and Ravishankar 1998), so that its copy of the picture and its engine's caches serve all of
them, now and in later steps. A server that has much more to do than the others is passed over
(bounded loads, Mirrokni, Thorup and Zadimoghaddam 2018). All else goes where least is under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from typing import Any

from reward.client.samples import WireSample
from reward.client.server import Server
from reward.wire import MAX_SAMPLES

_AHEAD = 1.25
"""A server is given its pictures' samples while it has no more than so many means under way,"""
_SLACK = 16
"""and so many samples more, which an engine judges in one batch."""
_RUN = 32
"""Most samples that are given as one: very large groups are worth several servers."""


@dataclass(frozen=True, slots=True)
class Share:
    """Samples for one server, by their ``places`` in the call. ``key`` is that of the first."""

    server: Server
    key: str | None
    places: tuple[int, ...]


def spread(samples: Sequence[WireSample], servers: Sequence[Server]) -> list[Share]:
    """Every sample in one share, each of which fits a request.

    Args:
        samples: of one call.
        servers: those that may be asked, at least one.
    """
    given = {server: server.under_way for server in servers}
    total = sum(given.values()) + len(samples)
    places: dict[Server, list[int]] = {}
    keys: dict[Server, str | None] = {}
    for key, run in _runs(samples):
        server = _pick(key, len(run), given, total)
        given[server] += len(run)
        places.setdefault(server, []).extend(run)
        keys.setdefault(server, key)
    return [
        Share(server, keys[server], tuple(own[start : start + MAX_SAMPLES]))
        for server, own in places.items()
        for start in range(0, len(own), MAX_SAMPLES)
    ]


def key_of(sample: WireSample) -> str | None:
    """What the samples of a group with a picture have in common: the hash of the first."""
    return sample.images[0].sha256 if sample.images else None


def pick(key: str | None, size: int, servers: Sequence[Server]) -> Server:
    """The server for so many samples that have a key in common."""
    given = {server: server.under_way for server in servers}
    return _pick(key, size, given, sum(given.values()) + size)


def first(key: str, servers: Sequence[Server]) -> Server:
    """The server that ranks first for a key, whatever it has to do."""
    return _ranked(key, servers)[0]


def _pick(key: str | None, size: int, given: dict[Server, int], total: int) -> Server:
    if key is not None:
        limit = _AHEAD * total / len(given) + _SLACK
        for server in _ranked(key, given):
            if given[server] + size <= limit:
                return server
    return min(given, key=lambda server: given[server])


def _ranked(key: str, servers: Iterable[Server]) -> list[Server]:
    return sorted(servers, key=lambda server: blake2b(f"{server.url} {key}".encode()).digest())


def _runs(samples: Sequence[WireSample]) -> list[tuple[str | None, list[int]]]:
    """Neighbours that are better not parted, as those of one prompt share its prefix's cache."""
    runs = []
    for (key, _), group in groupby(range(len(samples)), key=lambda place: _common(samples[place])):
        members = list(group)
        runs += [(key, members[start : start + _RUN]) for start in range(0, len(members), _RUN)]
    return runs


def _common(sample: WireSample) -> tuple[str | None, Any]:
    return key_of(sample), sample.fields.get("prompt")
