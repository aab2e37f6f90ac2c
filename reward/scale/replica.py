"""One replica: the reward server's application, asked by a call in place of a socket."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from judge import Judge
from reward.errors import ServerConfigError
from reward.scale.exchange import Answered, Asked
from reward.server.app import create_app
from reward.server.config import ServerConfig

MakeJudge = Callable[[ServerConfig], Judge]


def judge_of(config: ServerConfig) -> Judge:
    """The judge that the settings name, not yet started."""
    return Judge.from_folder(
        config.judge, decoding=config.decoding, engine=config.engine, **config.engine_args
    )


class JudgeReplica:
    """A reward server inside a process of Ray's.

    Args:
        config: the settings; host, port and TLS are those of Ray's proxies.
        make_judge: makes the judge, in the replica's process.
    """

    def __init__(self, config: ServerConfig, make_judge: MakeJudge = judge_of) -> None:
        self._app = create_app(make_judge(config), config)
        self._life = self._app.router.lifespan_context(self._app)
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self._app, raise_app_exceptions=False),
            base_url="http://replica",
            timeout=None,  # a request has its deadline
        )
        self._is_loaded = False

    async def load(self) -> None:
        """Loads the engine; does nothing the second time.

        Raises:
            ServerConfigError: it could not be loaded.
        """
        if self._is_loaded:
            return
        await self._life.__aenter__()
        self._is_loaded = True
        service = self._app.state.service
        if await service.settled() == "dead":
            raise ServerConfigError(service.detail)

    async def ask(self, asked: Asked) -> Answered:
        """What the application answers. Cancelling this cancels the judging."""
        response = await self._http.request(
            asked.method, asked.path, headers=list(asked.headers), content=asked.body
        )
        return Answered(
            response.status_code, tuple(response.headers.multi_items()), response.content
        )

    def check_health(self) -> None:
        """For Ray, which replaces a replica that raises here.

        Raises:
            RuntimeError: the engine is dead for good.
        """
        service = self._app.state.service
        if service.state == "dead":
            raise RuntimeError(service.detail)

    async def close(self) -> None:
        """Ends the engine and closes the store."""
        await self._http.aclose()
        if self._is_loaded:
            self._is_loaded = False
            await self._life.__aexit__(None, None, None)
