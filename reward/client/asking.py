"""One call, from its deadline to its last answer: asked wherever it can be, until answered."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import httpx

from judge.verdicts import Reason
from reward.client.answers import decode_results
from reward.client.balancing import Share, first, key_of, pick, spread
from reward.client.circuit import backoff
from reward.client.fingerprints import Fingerprints
from reward.client.responses import TroubleError, UnavailableError, json_body
from reward.client.samples import Encode, Sample, WireSample, encode_all
from reward.client.server import Server
from reward.client.together import together

T = TypeVar("T")

logger = logging.getLogger(__name__)

# Of the time left, what the server is not given, so that its answer arrives in time: a share, and
# at most so many seconds.
_RETURN_SHARE = 0.1
_RETURN_S = 1.0


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[T]):
    """What is asked, and how it is answered.

    Args:
        path: where samples are posted.
        options: fields of the body beside the samples and the deadline.
        encode: from a row to a sample.
        decode: from one of the results to an answer.
        unjudged: the answer that there is none.
        is_whole: whether all samples have to be in one request.
        meeting: a name, where requests of several clients have to reach the same server.
    """

    path: str
    options: Mapping[str, Any]
    encode: Encode
    decode: Callable[[Mapping[str, Any]], T]
    unjudged: Callable[[Reason, str], T]
    is_whole: bool = False
    meeting: str | None = None


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call of a client; ``deadline`` is on the event loop's clock."""

    servers: Sequence[Server]
    judges: Fingerprints
    endpoint: Endpoint[T]
    deadline: float

    async def answers(self, rows: Sequence[Sample]) -> list[T]:
        """One answer a row, in order, and none later than the deadline.

        Raises:
            RewardRequestError: a server refused the call as a whole.
        """
        try:
            async with asyncio.timeout_at(self.deadline):
                encoded = await asyncio.to_thread(encode_all, rows, self.endpoint.encode)
        except TimeoutError:
            return [self.endpoint.unjudged(Reason.DEADLINE, "reading took too long")] * len(rows)
        samples = [each for each in encoded if isinstance(each, WireSample)]
        shares = self._spread(samples) if samples else []
        answers: dict[int, T] = {}
        for share, own in zip(
            shares,
            await together(
                self._share(share, [samples[place] for place in share.places]) for share in shares
            ),
            strict=True,
        ):
            answers.update(zip(share.places, own, strict=True))
        place = itertools.count()
        return [
            answers[next(place)]
            if isinstance(each, WireSample)
            else self.endpoint.unjudged(Reason.BAD_REQUEST, each)
            for each in encoded
        ]

    def _spread(self, samples: Sequence[WireSample]) -> list[Share]:
        if not self.endpoint.is_whole:
            return spread(samples, self._up())
        share = Share(self.servers[0], key_of(samples[0]), tuple(range(len(samples))))
        return [replace(share, server=self._choose(share))]

    def _choose(self, share: Share) -> Server:
        if self.endpoint.meeting is not None:
            return first(self.endpoint.meeting, self._up())
        return pick(share.key, len(share.places), self._up())

    def _up(self) -> Sequence[Server]:
        """Those that may be asked, or all; whether others are back is asked beside."""
        self._trials()
        return [each for each in self.servers if each.circuit.is_closed] or self.servers

    async def _share(self, share: Share, samples: Sequence[WireSample]) -> list[T]:
        """The answers to a share, or why there are none."""
        try:
            async with asyncio.timeout_at(self.deadline):
                return await self._wherever(share, samples)
        except TimeoutError:
            reason, detail = Reason.DEADLINE, f"no answer from {share.server.url}"
        except (UnavailableError, httpx.HTTPError) as error:
            reason, detail = Reason.SERVER_ERROR, f"{share.server.url}: {error}"
        logger.warning("%d samples unjudged (%s): %s", len(samples), reason, detail)
        return [self.endpoint.unjudged(reason, detail)] * len(samples)

    async def _wherever(self, share: Share, samples: Sequence[WireSample]) -> list[T]:
        """The answers of the share's server, or of others while that one fails.

        Raises:
            UnavailableError: none will answer before the deadline, or one answered nonsense.
        """
        server = share.server
        tries = 0
        while True:
            tries += 1
            if server.circuit.is_closed:
                with suppress(TroubleError), server.given(len(samples)):  # the server notes it
                    return await self._ask(server, samples)
            if not await self._any_up():
                raise UnavailableError(f"{server.trouble} (tried {tries} times)")
            server = self._choose(share)

    def _trials(self) -> list[asyncio.Task[None]]:
        return [server.trial() for server in self.servers if server.circuit.is_due]

    async def _any_up(self) -> bool:
        """Waits for a server that may be asked; False where none will be before the deadline."""
        loop = asyncio.get_running_loop()
        while True:
            trials = self._trials()
            if any(server.circuit.is_closed for server in self.servers):
                return True
            if trials:
                await asyncio.wait(trials, return_when=asyncio.FIRST_COMPLETED)
                continue
            pause = min(server.circuit.pause_s for server in self.servers)
            if loop.time() + pause >= self.deadline:
                return False
            await asyncio.sleep(pause)

    async def _ask(self, server: Server, samples: Sequence[WireSample]) -> list[T]:
        """The server's answers; pictures that it does not have are uploaded on its word."""
        for round_ in itertools.count():
            images = [image for sample in samples for image in sample.images]
            refused = await server.upload(images)
            sent = [each for each in samples if not _refusal(each, refused)]
            response = await self._post(server, sent) if sent else None
            if response is None or response.status_code != httpx.codes.CONFLICT:
                break
            server.forget(json_body(response).get("missing", ()))
            if round_:  # a server that keeps forgetting is short of memory; do not hammer it
                await asyncio.sleep(backoff(round_))
        answered = iter(self._read(server, response, len(sent)) if response is not None else [])
        return [
            next(answered) if why is None else self.endpoint.unjudged(Reason.BAD_REQUEST, why)
            for why in (_refusal(each, refused) for each in samples)
        ]

    async def _post(self, server: Server, samples: Sequence[WireSample]) -> httpx.Response:
        left = max(0.0, self.deadline - asyncio.get_running_loop().time())
        body = {
            **self.endpoint.options,
            "samples": [sample.fields for sample in samples],
            "deadline_s": max(0.001, left - min(_RETURN_S, left * _RETURN_SHARE)),
        }
        return await server.request("POST", self.endpoint.path, json=body)

    def _read(self, server: Server, response: httpx.Response, count: int) -> list[T]:
        server.check(response)
        body = json_body(response)
        try:
            answers = decode_results(body, count, self.endpoint.decode)
        except ValueError as error:
            raise UnavailableError(str(error)) from error
        self.judges.note(str(body.get("judge")), server.url)
        return answers


def _refusal(sample: WireSample, refused: Mapping[str, str]) -> str | None:
    return next((refused[image.sha256] for image in sample.images if image.sha256 in refused), None)
