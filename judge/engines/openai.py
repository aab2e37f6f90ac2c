"""Judging by any server that speaks OpenAI's chat completions: ``vllm serve``, a commercial API."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from judge.engines.openai_messages import chat_messages
from judge.engines.spellings import is_special_token
from judge.errors import EngineError, MissingExtraError, RequestError
from judge.folder import Decoding
from judge.types import Completion, NextToken, Prompt, Usage

DEFAULT_URL = "http://127.0.0.1:8000/v1"
"""Where ``vllm serve`` listens unless told otherwise."""

_LIKELIEST = 20
"""Log-probabilities a position; the API gives at most 20."""
# A vLLM server fills in what a request leaves open from the checkpoint's generation_config.json;
# a judge is sampled by its own decoding alone.
_PLAIN_SAMPLING = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}


@dataclass(frozen=True, slots=True)
class _Session:
    """Connections to a server, from one event loop, and what was found out about it."""

    client: Any
    loop: asyncio.AbstractEventLoop
    places: asyncio.Semaphore
    continues: bool
    sampling: Mapping[str, Any]


class OpenaiEngine:
    """A client of one server, by the official ``openai`` package.

    The package keeps a pool of connections and tries again, with jitter and heeding Retry-After,
    after connection errors, timeouts and the statuses 408, 409, 429 and 5xx.

    Candidates are made harmless by :func:`~judge.engines.spellings.break_special_tokens`, which
    does its best where the other engines are exact: the server tokenises.

    Args:
        weights: the judge's weights or hub id: the model's name where ``model`` is not given.
        adapter: its LoRA adapter; then the model's name where ``model`` is not given.
        url: the server's address, up to and including its version: ``https://api.openai.com/v1``.
        model: what the server calls the judge.
        api_key: the key to show; otherwise that of the environment variable OPENAI_API_KEY, as it
            is when the engine is made.
        continues: whether the server goes on from an assistant message (vLLM's
            ``continue_final_message`` and ``include_stop_str_in_output``). A judge whose replies
            are opened by its prompts, soft scores, and stopping at the answer need it; by
            default, a server that says it is vLLM does.
        max_in_flight: most requests at once.
        per_minute: most requests a minute, evenly spaced; no limit by default.
        timeout_s: how long one attempt at a reply may take, in seconds.
        retries: most attempts behind the first.
        extra_body: fields to send with each request; a field that is None is left out, e.g.
            ``{"max_tokens": None, "max_completion_tokens": 8192, "temperature": None}``.

    Raises:
        MissingExtraError: the package ``openai`` is not installed.
        RequestError: an option that is out of its range.
    """

    def __init__(
        self,
        weights: str,
        *,
        adapter: str | None = None,
        url: str = DEFAULT_URL,
        model: str | None = None,
        api_key: str | None = None,
        continues: bool | None = None,
        max_in_flight: int = 64,
        per_minute: float | None = None,
        timeout_s: float = 600.0,
        retries: int = 5,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            import openai
        except ImportError as error:
            raise MissingExtraError("openai", "openai") from error
        if not url.startswith(("http://", "https://")):
            raise RequestError(f"{url!r} is not a server's address: expected e.g. {DEFAULT_URL}")
        if max_in_flight < 1 or (per_minute is not None and per_minute <= 0):
            raise RequestError(
                f"max_in_flight is 1 or more and per_minute above 0, got {max_in_flight}, "
                f"{per_minute}"
            )
        self._openai = openai
        self.url = url.rstrip("/")
        self.model = model or adapter or weights
        self._key = api_key or os.environ.get("OPENAI_API_KEY") or "none"
        self._continues = continues
        self._extra = dict(extra_body or {})
        self._timeout_s, self._retries = timeout_s, retries
        self._max_in_flight = max_in_flight
        self._spacing_s = 0.0 if per_minute is None else 60.0 / per_minute
        self._session: _Session | None = None
        self._next_start = 0.0
        self._changing = asyncio.Lock()

    @property
    def identity(self) -> str:
        extra = f"/{json.dumps(self._extra, sort_keys=True)}" if self._extra else ""
        return f"openai/{self.model}{extra}"

    async def start(self) -> None:
        async with self._changing:
            if self._session is None:
                client = self._openai.AsyncOpenAI(
                    api_key=self._key,
                    base_url=self.url,
                    timeout=self._timeout_s,
                    max_retries=self._retries,
                )
                try:
                    self._session = await self._greet(client)
                except BaseException:
                    await client.close()
                    raise

    async def _greet(self, client: Any) -> _Session:
        """Asks the server what it is."""
        try:
            models = getattr(await client.models.list(), "data", None) or []
        except self._openai.NotFoundError:  # a server may list none
            models = []
        except self._openai.OpenAIError as error:
            raise self._failure(error) from error
        is_vllm = any(model.owned_by == "vllm" for model in models)
        served = [model.id for model in models]
        if is_vllm and self.model not in served:
            raise EngineError(
                f"{self.url} serves {', '.join(served)}, not {self.model!r}: "
                "give the engine option model=NAME"
            )
        return _Session(
            client,
            asyncio.get_running_loop(),
            asyncio.Semaphore(self._max_in_flight),
            is_vllm if self._continues is None else self._continues,
            _PLAIN_SAMPLING if is_vllm else {},
        )

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        async with self._turn() as session:
            stop = prompt.stop if session.continues else ()
            body: dict[str, Any] = {
                "temperature": decoding.temperature,
                "top_p": decoding.top_p,
                "max_tokens": decoding.max_tokens,
                "seed": decoding.seed,
            }
            if stop:
                body |= {"stop": list(stop), "include_stop_str_in_output": True}
            answer = await self._ask(session, prompt, body)
        (choice, *_) = answer.choices
        if choice.message.refusal or choice.finish_reason not in {"stop", "length"}:
            why = choice.message.refusal or f"it ended the reply with {choice.finish_reason!r}"
            raise EngineError(f"{self.url} gave no reply: {why}")
        text = choice.message.content or ""
        finish: Literal["stop", "end", "length"] = "stop" if text.endswith(stop) else "end"
        if choice.finish_reason == "length":
            finish = "length"
        return Completion(text, finish, _usage(answer.usage))

    async def next_tokens(self, prompt: Prompt) -> tuple[NextToken, ...]:
        body = {"temperature": 0.0, "max_tokens": 1, "logprobs": True, "top_logprobs": _LIKELIEST}
        async with self._turn() as session:
            answer = await self._ask(session, prompt, body)
        logprobs = answer.choices[0].logprobs
        if logprobs is None or not logprobs.content or not logprobs.content[0].top_logprobs:
            raise EngineError(f"{self.url} gives no log-probabilities of {self.model!r}")
        tokens = (
            NextToken("" if is_special_token(each.token) else each.token, min(0.0, each.logprob))
            for each in logprobs.content[0].top_logprobs
        )
        return tuple(sorted(tokens, key=lambda token: -token.logprob))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[_Session]:
        """The session, when it is this request's turn by both limits."""
        if self._session is None:
            await self.start()
        session = self._session
        if session is None or session.loop is not asyncio.get_running_loop():
            raise EngineError(
                "this engine serves the event loop that started it; close it there first"
            )
        async with session.places:
            start = max(session.loop.time(), self._next_start)
            self._next_start = start + self._spacing_s
            await asyncio.sleep(start - session.loop.time())
            yield session

    async def _ask(self, session: _Session, prompt: Prompt, body: dict[str, Any]) -> Any:
        """The server's answer, which holds a choice."""
        from openai.types.chat import ChatCompletion

        messages = chat_messages(prompt, continues=session.continues)
        if messages[-1]["role"] == "assistant":
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        body = {
            "model": self.model,
            "messages": messages,
            **session.sampling,
            **body,
            **self._extra,
        }
        body = {name: value for name, value in body.items() if value is not None}
        try:
            answer = await session.client.post(
                "/chat/completions", body=body, cast_to=ChatCompletion
            )
        except self._openai.OpenAIError as error:
            raise self._failure(error) from error
        if not isinstance(answer, ChatCompletion) or not answer.choices:
            raise EngineError(
                f"{self.url} did not answer with a chat completion; is it the address of an "
                "OpenAI-compatible server, up to and including its /v1?"
            )
        return answer

    def _failure(self, error: Exception) -> EngineError:
        """What to tell of an error of the package. A server may come back: none is final."""
        if isinstance(error, self._openai.AuthenticationError):
            return EngineError(
                f"{self.url} does not take the API key: set OPENAI_API_KEY, or give the engine "
                f"option api_key ({error})"
            )
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        return EngineError(f"{self.url} failed: {error}{cause}")

    async def close(self) -> None:
        async with self._changing:
            if self._session is not None:
                session, self._session = self._session, None
                await session.client.close()


def _usage(usage: Any) -> Usage:
    """Tokens of a reply, as far as the server counts them."""
    if usage is None:
        return Usage()
    details = usage.prompt_tokens_details
    cached = details.cached_tokens if details is not None else None
    return Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0, cached or 0)
