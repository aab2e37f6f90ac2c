"""The asynchronous client. Its blocking face is in :mod:`reward.client.blocking`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self, TypeVar

import httpx

from judge.verdicts import Reason
from reward.client.access import Verify, read_access, read_addresses
from reward.client.answers import (
    Judgement,
    decode_judgement,
    decode_member,
    decode_reward,
)
from reward.client.asking import Call, Endpoint
from reward.client.circuit import backoff
from reward.client.fingerprints import Fingerprints
from reward.client.groups import Cohort, group_options
from reward.client.responses import describe, json_body, problem
from reward.client.samples import Sample, encode_comparison, encode_sample
from reward.client.server import Server
from reward.errors import RewardRequestError, ServerNotReadyError
from reward.groups.plan import MemberReward
from reward.groups.scoring import GroupScoring
from reward.store.attempt import Labels
from reward.types import Reward
from reward.wire import DEFAULT_DEADLINE_S, DEFAULT_URL

T = TypeVar("T")

_INFO_TIMEOUT_S = 10.0


class RewardClient:
    """Asks one reward server, or several that serve the same judge.

        async with RewardClient("http://127.0.0.1:8471") as client:
            rewards = await client.rewards(samples, rubric="captioning")

    With several, samples that share a picture go to one server, and all else where least is under
    way. One that fails or says "not now" is left out for a while, and what it was asked is asked
    elsewhere. It may be used from several event loops, each of which gets its own connections.
    Proxies named in the environment are not used.

    Args:
        url: the server's address; several as a list, or in one text, separated by commas.
        api_key: shown to the servers; else ``FLEXREWARD_API_KEY``, read now.
        verify: whose certificates to trust: the usual authorities' (True), those in a PEM file, or
            an ``ssl.SSLContext``; else the file that ``FLEXREWARD_CA_FILE`` names, read now.
        transport: carries the requests in place of a socket, e.g. ``httpx.ASGITransport(app)``.

    Raises:
        RewardRequestError: something that is not an http address, a key or a file of certificates.
    """

    def __init__(
        self,
        url: str | Sequence[str] = DEFAULT_URL,
        *,
        api_key: str | None = None,
        verify: Verify | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        access = read_access(api_key, verify)
        self._servers = [Server(each, access, transport) for each in read_addresses(url)]
        self._judges = Fingerprints()

    @property
    def urls(self) -> tuple[str, ...]:
        """The servers' addresses."""
        return tuple(server.url for server in self._servers)

    async def rewards(
        self,
        samples: Sequence[Sample],
        *,
        rubric: str,
        rationale: bool = False,
        labels: Labels | None = None,
        deadline_s: float = DEFAULT_DEADLINE_S,
    ) -> list[Reward]:
        """One reward a sample, in order, within ``deadline_s`` seconds.

        Whatever the servers do, there are as many rewards as samples: those that were not judged
        have no value and say why (``deadline``, ``server_error``, ``bad_request``, …). Connection
        errors and the statuses 408, 429, 502, 503 and 504 are retried until the deadline.

        Args:
            samples: rows with the columns of :func:`judge.request_from_row`; pictures may also be
                local paths, as they are read here and uploaded once.
            rubric: the name of a rubric that the server has.
            rationale: whether the judge's reasoning comes along.
            labels: run and step, which the server's verdict store keeps.
            deadline_s: time for the whole call, retries and uploads included.

        Raises:
            RewardRequestError: a server refused the call as a whole, e.g. for an unknown rubric or
                a missing key.
        """
        options = {"rubric": rubric, "rationale": rationale, **_labels(labels)}
        endpoint = Endpoint("/v1/rewards", options, encode_sample, decode_reward, _no_reward)
        return await self._call(endpoint, samples, deadline_s)

    async def group_rewards(
        self,
        samples: Sequence[Sample],
        *,
        rubric: str,
        scoring: GroupScoring | None = None,
        cohort: Cohort | None = None,
        rationale: bool = False,
        labels: Labels | None = None,
        deadline_s: float = DEFAULT_DEADLINE_S,
    ) -> list[MemberReward]:
        """The rewards of one group, whose members are compared with each other, in order.

        Args:
            samples: as :meth:`rewards` takes them; of one prompt, reference and pictures.
            rubric, rationale, labels, deadline_s: as :meth:`rewards` takes them.
            scoring: how they are compared; by default each with each, in both orders.
            cohort: says which part of a group the samples are, where other ranks have the others.

        Raises:
            RewardRequestError: as :meth:`rewards`; also for samples that are no group, or too many.
        """
        options = {
            "rubric": rubric,
            "rationale": rationale,
            **group_options(scoring or GroupScoring(), cohort),
            **_labels(labels),
        }
        endpoint = Endpoint(
            "/v1/groups",
            options,
            encode_sample,
            decode_member,
            lambda reason, detail: MemberReward(_no_reward(reason, detail)),
            is_whole=True,
            meeting=None if cohort is None else cohort.id,
        )
        return await self._call(endpoint, samples, deadline_s)

    async def judgements(
        self,
        samples: Sequence[Sample],
        *,
        rubric: str,
        decoding: Mapping[str, Any] | None = None,
        rationale: bool = False,
        labels: Labels | None = None,
        deadline_s: float = DEFAULT_DEADLINE_S,
    ) -> list[Judgement]:
        """What the judge says of each sample, by any protocol, in order.

        Args:
            samples: rows with the columns of :func:`judge.request_from_row`, of any number of
                candidates; ``protocol`` names another protocol than their number suggests.
            rubric, rationale, labels, deadline_s: as :meth:`rewards` takes them.
            decoding: ``votes``, ``vote``, ``temperature``, ``both_orders`` or ``soft``, over the
                judge's own.

        Raises:
            RewardRequestError: as :meth:`rewards`.
        """
        options = {
            "rubric": rubric,
            "rationale": rationale,
            **(decoding or {}),
            **_labels(labels),
        }
        endpoint = Endpoint(
            "/v1/judgements",
            options,
            encode_comparison,
            decode_judgement,
            lambda reason, detail: Judgement(None, reason=reason, detail=detail),
        )
        return await self._call(endpoint, samples, deadline_s)

    async def wait_ready(self, timeout_s: float = 600.0) -> None:
        """Waits until a server's engine is loaded.

        Raises:
            ServerNotReadyError: none is within ``timeout_s`` seconds, or the engines of all are
                dead.
            RewardRequestError: a server refuses the key.
        """
        states = dict.fromkeys(self.urls, "no answer")
        try:
            async with asyncio.timeout(timeout_s):
                for attempt in itertools.count():
                    asked = [self._readiness(server) for server in self._servers]
                    answers = await asyncio.gather(*asked)
                    if "ready" in (state for state, _ in answers):
                        return
                    states = dict(zip(self.urls, (text for _, text in answers), strict=True))
                    if all(state == "dead" for state, _ in answers):
                        raise ServerNotReadyError(f"the engine is dead: {_listed(states)}")
                    await asyncio.sleep(backoff(attempt))
        except TimeoutError:
            raise ServerNotReadyError(
                f"no reward server was ready within {timeout_s:g} s (last: {_listed(states)}); "
                "is `flex-reward serve` running?"
            ) from None

    async def info(self) -> dict[str, Any]:
        """What the first server that answers says of itself: judge, fingerprint, rubrics, ….

        Raises:
            ServerNotReadyError: none answers.
            RewardRequestError: what answers is not a reward server, or refuses the key.
        """
        silent = {}
        for server in self._servers:
            try:
                response = await server.get("/v1/info", _INFO_TIMEOUT_S)
            except httpx.TransportError as error:
                silent[server.url] = describe(error)
                continue
            server.check_key(response)
            if response.status_code != httpx.codes.OK:
                raise RewardRequestError(f"{server.url} is no reward server: {problem(response)}")
            return json_body(response)
        raise ServerNotReadyError(f"no answer from {_listed(silent)}")

    async def aclose(self) -> None:
        """Closes the connections of the running event loop. The client may still be used after."""
        await asyncio.gather(*(server.aclose() for server in self._servers))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def _call(
        self, endpoint: Endpoint[T], samples: Sequence[Sample], deadline_s: float
    ) -> list[T]:
        deadline = asyncio.get_running_loop().time() + deadline_s
        return await Call(self._servers, self._judges, endpoint, deadline).answers(samples)

    async def _readiness(self, server: Server) -> tuple[str, str]:
        """The state that a server is in, and more about it."""
        try:
            response = await server.get("/ready", _INFO_TIMEOUT_S)
        except httpx.TransportError as error:
            return "", describe(error)
        server.check_key(response)
        if response.status_code == httpx.codes.OK:
            return "ready", ""
        return str(json_body(response).get("state", "")), problem(response)


def _no_reward(reason: Reason, detail: str) -> Reward:
    return Reward(None, reason=reason, detail=detail)


def _labels(labels: Labels | None) -> dict[str, Any]:
    return {} if labels is None else asdict(labels)


def _listed(states: Mapping[str, str]) -> str:
    return "; ".join(f"{url}: {state}" for url, state in states.items())
