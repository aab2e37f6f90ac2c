"""The client of a reward server. Its blocking face is in :mod:`reward.sync_client`."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

import httpx

from judge.errors import RequestError
from judge.types import Image
from judge.verdicts import Reason
from reward.errors import RewardRequestError, ServerNotReadyError
from reward.retry import UnavailableError, backoff, describe, json_body, problem, retrying
from reward.types import Reward
from reward.wire import (
    DEFAULT_DEADLINE_S,
    DEFAULT_URL,
    MAX_SAMPLES,
    Pictures,
    WireSample,
    decode_results,
    encode_sample,
)

T = TypeVar("T")
Sample = Mapping[str, Any]
"""A row with the columns of :func:`judge.request_from_row`."""

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S = 5.0
_CONNECTIONS = 16
_INFO_TIMEOUT_S = 10.0
_PICTURE_REFUSED = frozenset({413, 422})
# Of the time left, what the server is not given, so that its answer arrives in time: a share, and
# at most so many seconds.
_RETURN_SHARE = 0.1
_RETURN_S = 1.0


class RewardClient:
    """Asks a reward server for rewards.

        async with RewardClient("http://127.0.0.1:8471") as client:
            rewards = await client.rewards(samples, rubric="captioning")

    It may be used from several event loops, each of which gets its own connections. Proxies named
    in the environment are not used.

    Args:
        url: the server's address.
        transport: carries the requests in place of a socket, e.g. ``httpx.ASGITransport(app)``.

    Raises:
        RewardRequestError: ``url`` is not an http address.
    """

    def __init__(
        self, url: str = DEFAULT_URL, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise RewardRequestError(
                f"{url!r} is not the address of a reward server: expected e.g. {DEFAULT_URL}"
            )
        self.url = url.rstrip("/")
        self._transport = transport
        self._connections: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._uploaded: set[str] = set()

    async def rewards(
        self,
        samples: Sequence[Sample],
        *,
        rubric: str,
        rationale: bool = False,
        deadline_s: float = DEFAULT_DEADLINE_S,
    ) -> list[Reward]:
        """One reward a sample, in order, within ``deadline_s`` seconds.

        Whatever the server does, there are as many rewards as samples: those that were not judged
        have no value and say why (``deadline``, ``server_error``, ``bad_request``, …). Connection
        errors and the statuses 429, 502, 503 and 504 are retried until the deadline.

        Args:
            samples: rows with the columns of :func:`judge.request_from_row`; pictures may also be
                local paths, as they are read here and uploaded once.
            rubric: the name of a rubric that the server has.
            rationale: whether the judge's reasoning comes along.
            deadline_s: time for the whole call, retries and uploads included.

        Raises:
            RewardRequestError: the server refused the call as a whole, e.g. for an unknown rubric.
        """
        deadline = asyncio.get_running_loop().time() + deadline_s
        options = {"rubric": rubric, "rationale": rationale}
        pictures = Pictures()
        batches = [
            self._batch(samples[start : start + MAX_SAMPLES], pictures, options, deadline)
            for start in range(0, len(samples), MAX_SAMPLES)
        ]
        return [reward for rewards in await _together(batches) for reward in rewards]

    async def wait_ready(self, timeout_s: float = 600.0) -> None:
        """Waits until the server's engine is loaded.

        Raises:
            ServerNotReadyError: it is not within ``timeout_s`` seconds, or its engine is dead.
        """
        state = "no answer"
        try:
            async with asyncio.timeout(timeout_s):
                for attempt in itertools.count():
                    try:
                        response = await self._http().get("/ready")
                        if response.status_code == httpx.codes.OK:
                            return
                        state = problem(response)
                        if json_body(response).get("state") == "dead":
                            raise ServerNotReadyError(f"the reward server at {self.url}: {state}")
                    except httpx.TransportError as error:
                        state = describe(error)
                    await asyncio.sleep(backoff(attempt))
        except TimeoutError:
            raise ServerNotReadyError(
                f"the reward server at {self.url} was not ready within {timeout_s:g} s "
                f"(last: {state}); is `flex-reward serve` running?"
            ) from None

    async def info(self) -> dict[str, Any]:
        """What the server says of itself: judge, fingerprint, modalities, rubrics, version.

        Raises:
            ServerNotReadyError: it does not answer.
            RewardRequestError: what answers is not a reward server.
        """
        try:
            response = await self._http().get("/v1/info", timeout=_INFO_TIMEOUT_S)
        except httpx.TransportError as error:
            raise ServerNotReadyError(f"no answer from {self.url}: {describe(error)}") from error
        if response.status_code != httpx.codes.OK:
            raise RewardRequestError(f"{self.url} is not a reward server: {problem(response)}")
        return json_body(response)

    async def aclose(self) -> None:
        """Closes the connections of the running event loop. The client may still be used after."""
        http = self._connections.pop(asyncio.get_running_loop(), None)
        if http is not None:
            await http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def _http(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop not in self._connections:
            # Connections of a closed loop are gone with it; forgetting them frees the loop.
            self._connections = {
                other: http for other, http in self._connections.items() if not other.is_closed()
            }
            self._connections[loop] = httpx.AsyncClient(
                base_url=self.url,
                # The deadline of a call ends what takes too long.
                timeout=httpx.Timeout(None, connect=_CONNECT_TIMEOUT_S),
                limits=httpx.Limits(max_connections=_CONNECTIONS),
                transport=self._transport,
                trust_env=False,
            )
        return self._connections[loop]

    async def _batch(
        self,
        samples: Sequence[Sample],
        pictures: Pictures,
        options: Mapping[str, Any],
        deadline: float,
    ) -> list[Reward]:
        """Rewards of so many samples as fit one request."""
        try:
            async with asyncio.timeout_at(deadline):
                encoded = await asyncio.to_thread(_encode, samples, pictures)
                bad = await self._upload(encoded, deadline)
                sent = [
                    item
                    for item in encoded
                    if isinstance(item, WireSample) and not _first_bad(item, bad)
                ]
                judged = iter(await self._judged(sent, options, deadline))
                return [
                    item if isinstance(item, Reward) else _first_bad(item, bad) or next(judged)
                    for item in encoded
                ]
        except TimeoutError:
            failed = Reward(None, reason=Reason.DEADLINE, detail=f"no answer from {self.url}")
        except (UnavailableError, httpx.HTTPError) as error:
            failed = Reward(None, reason=Reason.SERVER_ERROR, detail=f"{self.url}: {error}")
        logger.warning("%d samples unjudged (%s): %s", len(samples), failed.reason, failed.detail)
        return [failed] * len(samples)

    async def _judged(
        self, samples: Sequence[WireSample], options: Mapping[str, Any], deadline: float
    ) -> list[Reward]:
        """The server's rewards; pictures that it does not have are uploaded on its word."""
        if not samples:
            return []
        loop = asyncio.get_running_loop()

        async def post() -> httpx.Response:
            left = max(0.0, deadline - loop.time())
            body = {
                **options,
                "samples": [sample.fields for sample in samples],
                "deadline_s": max(0.001, left - min(_RETURN_S, left * _RETURN_SHARE)),
            }
            return await self._http().post("/v1/rewards", json=body)

        for round_ in itertools.count():
            response = await retrying(post, deadline)
            if response.status_code != httpx.codes.CONFLICT:
                break
            self._uploaded.difference_update(json_body(response).get("missing", ()))
            if round_:  # a server that keeps forgetting is short of memory; do not hammer it
                await asyncio.sleep(backoff(round_))
            await self._upload(samples, deadline)
        self._check(response)
        try:
            return decode_results(json_body(response), len(samples))
        except ValueError as error:
            raise UnavailableError(str(error)) from error

    def _check(self, response: httpx.Response) -> None:
        """Raises where an answer is not a success: the caller's mistake, or the server's."""
        if response.is_client_error:
            raise RewardRequestError(f"{self.url} refused the request: {problem(response)}")
        if not response.is_success:
            raise UnavailableError(problem(response))

    async def _upload(
        self, samples: Sequence[WireSample | Reward], deadline: float
    ) -> dict[str, Reward]:
        """Uploads what the server is not known to have; returns what it refused, by hash."""
        images = {
            image.sha256: image
            for sample in samples
            if isinstance(sample, WireSample)
            for image in sample.images
            if image.sha256 not in self._uploaded
        }
        bad: dict[str, Reward] = {}

        async def upload(image: Image) -> None:
            async def put() -> httpx.Response:
                return await self._http().put(f"/v1/media/{image.sha256}", content=image.data)

            response = await retrying(put, deadline)
            if response.is_success:
                self._uploaded.add(image.sha256)
            elif response.status_code in _PICTURE_REFUSED:
                bad[image.sha256] = Reward(
                    None, reason=Reason.BAD_REQUEST, detail=problem(response)
                )
            else:
                self._check(response)

        await _together(map(upload, images.values()))
        return bad


async def _together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All results in order; at the first error the rest is cancelled."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _encode(samples: Sequence[Sample], pictures: Pictures) -> list[WireSample | Reward]:
    """Each sample as it is sent, or unjudged where it cannot be."""
    encoded: list[WireSample | Reward] = []
    for sample in samples:
        try:
            encoded.append(encode_sample(sample, pictures))
        except RequestError as error:
            encoded.append(Reward(None, reason=Reason.BAD_REQUEST, detail=str(error)))
    return encoded


def _first_bad(sample: WireSample, bad: Mapping[str, Reward]) -> Reward | None:
    return next((bad[image.sha256] for image in sample.images if image.sha256 in bad), None)
