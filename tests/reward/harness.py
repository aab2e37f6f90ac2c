"""What the tests of rewards are made of: one fake, the engine; all else is real."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI
from PIL import Image as Pillow

import judge as judge_package
from judge import Completion, Decoding, EngineDeadError, EngineError, Judge, Prompt, open_judge
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from reward.server.service import JudgeService
from reward.server.warm_up import WARM_UP

PROFILE = Path(judge_package.__file__).parent / "profiles" / "default.toml"


class TestEngine(ScriptedEngine):
    """Does what the candidate says: ``score=7``, ``fail``, ``die``, ``crash`` or ``hang``.

    ``hung`` counts the replies that were left hanging, ``cancelled`` those cancelled since. A
    server's warm-up leaves no trace.
    """

    __test__ = False

    def __init__(self, *, delay: float = 0.0) -> None:
        super().__init__(_reply, delay=delay)
        self.hung = 0
        self.cancelled = 0
        self.closed = False

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        if WARM_UP in prompt_text(prompt):
            return Completion("", "end")
        if "hang" in prompt_text(prompt):
            self.hung += 1
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return await super().generate(prompt, decoding)

    async def close(self) -> None:
        self.closed = True


def _reply(prompt: Prompt) -> str | Exception:
    text = prompt_text(prompt)
    for word, error in (
        ("fail", EngineError("out of cache")),
        ("die", EngineDeadError("the engine has died")),
        ("crash", RuntimeError("a bug")),
    ):
        if word in text:
            return error
    score = re.search(r"score=([\d.]+)", text)
    return f"<think>\nas told\n</think>\n<answer>{score[1] if score else 'none'}</answer>"


def make_judge(folder: Path, engine: ScriptedEngine, **decoding: object) -> Judge:
    folder.mkdir(exist_ok=True)
    shutil.copy(PROFILE, folder / "judge.toml")
    return Judge(open_judge(folder, **decoding), engine)


def picture(color: str = "red", size: int = 8) -> Pillow.Image:
    return Pillow.new("RGB", (size, size), color)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The application in this process, its engine loaded."""
    async with app.router.lifespan_context(app):
        await app.state.service.settled()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            yield http


async def eventually(condition: Callable[[], bool]) -> None:
    """Waits until something is so in another thread; long, as the machine may be busy."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class LiveServer:
    """The application behind a real socket, in a thread; ``calls`` keeps method and path."""

    def __init__(self, make_app: Callable[[], FastAPI]) -> None:
        self._make_app = make_app
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.calls: list[tuple[str, str]] = []
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def service(self) -> JudgeService:
        """Of the application started last; its engine runs in another thread."""
        assert isinstance(self._service, JudgeService)
        return self._service

    def start(self) -> None:
        app = self._make_app()
        self._service = app.state.service

        async def counted(scope, receive, send):  # type: ignore[no-untyped-def]
            if scope["type"] == "http":
                self.calls.append((scope["method"], scope["path"]))
            await app(scope, receive, send)

        config = uvicorn.Config(
            counted,
            host="127.0.0.1",
            port=self.port,
            log_level="error",
            ws="none",
            lifespan="on",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started or app.state.service.state == "loading":
            time.sleep(0.01)

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
            self._server = None

    def count(self, method: str) -> int:
        return sum(called == method for called, _ in self.calls)
