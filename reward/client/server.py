"""One reward server as a client knows it: its address, its health, its pictures."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator
from typing import Any

import httpx

from judge.types import Image
from reward.client.access import CA_VARIABLE, KEY_VARIABLE, Access
from reward.client.circuit import Circuit
from reward.client.responses import (
    TroubleError,
    UnavailableError,
    check_available,
    describe,
    json_body,
    problem,
)
from reward.client.together import together
from reward.errors import RewardRequestError
from reward.store.flights import Flights

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S = 5.0
_CONNECTIONS = 128
_UPLOADS = 8
"""Pictures that are uploaded at once: each takes a connection, and a pool of many is slow."""
_TRIAL_TIMEOUT_S = 2.0
_PICTURE_REFUSED = frozenset({413, 422})
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"


class Line:
    """What belongs to one event loop: connections, what is under way, and the question whether the
    server is back.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.under_way = 0
        self.uploads = Flights[str | None]()
        self.room_to_upload = asyncio.Semaphore(_UPLOADS)
        self.trial: asyncio.Task[None] | None = None


class Server:
    """A server, asked from any number of event loops.

    ``circuit`` tells whether it is left out, and ``trouble`` why it was last.
    """

    def __init__(
        self, url: str, access: Access, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.url = url
        self.circuit = Circuit()
        self.trouble = ""
        self._access = access
        self._transport = transport
        self._lines: dict[asyncio.AbstractEventLoop, Line] = {}
        self._uploaded: set[str] = set()

    @property
    def under_way(self) -> int:
        """Samples that this event loop has given the server, not answered yet."""
        return self._line().under_way

    @contextlib.contextmanager
    def given(self, samples: int) -> Iterator[None]:
        """Counts samples as under way."""
        line = self._line()
        line.under_way += samples
        try:
            yield
        finally:
            line.under_way -= samples

    async def request(self, method: str, path: str, **content: Any) -> httpx.Response:
        """An answer that is not "not now".

        Raises:
            TroubleError: there is none; the server is left out for a while.
            RewardRequestError: the key, or the server's certificate, is refused.
        """
        try:
            response = await self._line().http.request(method, path, **content)
            check_available(response)
        except httpx.TransportError as error:
            if _UNTRUSTED in str(error):
                raise RewardRequestError(
                    f"the certificate of {self.url} is not trusted ({error}): name the file of its "
                    f"authority as verify= or {CA_VARIABLE}"
                ) from error
            raise self._leave_out(TroubleError(describe(error))) from error
        except TroubleError as error:
            raise self._leave_out(error) from None
        self.check_key(response)
        self.circuit.succeeded()
        return response

    async def get(self, path: str, timeout_s: float) -> httpx.Response:
        """An answer of any kind, which tells nothing about the circuit.

        Raises:
            httpx.TransportError: there is none.
        """
        return await self._line().http.get(path, timeout=timeout_s)

    def trial(self) -> asyncio.Task[None]:
        """Asks whether the server is back, unless that is under way, and sets the circuit."""
        line = self._line()
        if line.trial is None or line.trial.done():
            line.trial = asyncio.create_task(self._try(line.http))
        return line.trial

    async def upload(self, images: Iterable[Image]) -> dict[str, str]:
        """Uploads what the server is not known to have; returns why it refused some, by hash.

        Raises:
            TroubleError: as :meth:`request`.
            RewardRequestError, UnavailableError: as :meth:`check`.
        """
        missing = {image.sha256: image for image in images if image.sha256 not in self._uploaded}
        uploads = self._line().uploads

        async def upload(image: Image) -> tuple[str, str | None]:
            refused, _ = await uploads.run(image.sha256, lambda: self._put(image))
            return image.sha256, refused

        answers = await together(map(upload, missing.values()))
        return {sha256: refused for sha256, refused in answers if refused is not None}

    def forget(self, hashes: Iterable[str]) -> None:
        """The server does not have these pictures any more."""
        self._uploaded.difference_update(hashes)

    def check_key(self, response: httpx.Response) -> None:
        """Raises RewardRequestError where the server wants a key, or another one (401)."""
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise RewardRequestError(
                f"{self.url} takes no request without a key that it knows, given as api_key= or "
                f"{KEY_VARIABLE}: {problem(response)}"
            )

    def check(self, response: httpx.Response) -> None:
        """Whether an answer is a success.

        Raises:
            RewardRequestError: the request is wrong.
            UnavailableError: the server failed on it.
        """
        if response.is_client_error:
            raise RewardRequestError(f"{self.url} refused the request: {problem(response)}")
        if not response.is_success:
            raise UnavailableError(problem(response))

    async def aclose(self) -> None:
        """Closes what belongs to the running event loop."""
        line = self._lines.pop(asyncio.get_running_loop(), None)
        if line is None:
            return
        if line.trial is not None:
            line.trial.cancel()
            await asyncio.wait([line.trial])
        await line.http.aclose()

    def _line(self) -> Line:
        loop = asyncio.get_running_loop()
        if loop not in self._lines:
            # Connections of a closed loop are gone with it; forgetting them frees the loop.
            self._lines = {
                other: line for other, line in self._lines.items() if not other.is_closed()
            }
            self._lines[loop] = Line(
                httpx.AsyncClient(
                    base_url=self.url,
                    headers=self._access.headers,
                    # Loading the usual authorities takes a third of a second.
                    verify=self.url.startswith("https") and self._access.verify,
                    # The deadline of a call ends what takes too long.
                    timeout=httpx.Timeout(None, connect=_CONNECT_TIMEOUT_S),
                    limits=httpx.Limits(max_connections=_CONNECTIONS),
                    transport=self._transport,
                    trust_env=False,
                )
            )
        return self._lines[loop]

    async def _try(self, http: httpx.AsyncClient) -> None:
        try:
            response = await http.get("/ready", timeout=_TRIAL_TIMEOUT_S)
            if json_body(response).get("state") != "asleep":  # then requests wait for it
                check_available(response)
        except httpx.TransportError as error:
            self._leave_out(TroubleError(describe(error)))
        except TroubleError as error:
            self._leave_out(error)
        else:
            self.circuit.is_back()

    def _leave_out(self, trouble: TroubleError) -> TroubleError:
        logger.info("%s is left out for a while: %s", self.url, trouble)
        self.trouble = str(trouble)
        self.circuit.failed(trouble.retry_after_s)
        return trouble

    async def _put(self, image: Image) -> str | None:
        """Uploads a picture; returns why it is refused, or None."""
        async with self._line().room_to_upload:
            response = await self.request("PUT", f"/v1/media/{image.sha256}", content=image.data)
        if response.status_code in _PICTURE_REFUSED:
            return problem(response)
        self.check(response)
        self._uploaded.add(image.sha256)
        return None
