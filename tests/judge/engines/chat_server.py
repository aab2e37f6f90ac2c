"""A server on a real socket that answers chat completions as a test tells it to.

For what cannot be had from a real server on demand: errors, limits, other people's habits.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What goes back: a JSON body, or a text."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class ChatServer:
    """``reply`` makes the answer to a completion request's body; ``owner`` is who owns ``judge``,
    the one model listed (None: the server lists no models).

    ``seen`` keeps the bodies, ``keys`` the authorisations, ``times`` when each came;
    ``peak`` is how many were answered at once.
    """

    reply: Callable[[dict[str, Any]], Answer]
    owner: str | None = "vllm"
    delay: float = 0.0
    keeps_connections: bool = True
    url: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    peak: int = 0
    in_flight: int = 0

    def answer(self, path: str, key: str | None, body: dict[str, Any] | None) -> Answer:
        self.keys.append(key)
        if path == "/v1/models":
            if self.owner is None:
                return Answer({"error": "no such page"}, 404)
            model = {"id": "judge", "object": "model", "created": 0, "owned_by": self.owner}
            return Answer({"object": "list", "data": [model]})
        assert path == "/v1/chat/completions", path
        assert body is not None
        self.times.append(time.monotonic())
        self.seen.append(body)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        time.sleep(self.delay)
        self.in_flight -= 1
        return self.reply(body)


def chat(text: str | None, finish: str = "stop", **message: Any) -> Answer:
    """A completion with this text."""
    return Answer(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "judge",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish,
                    "message": {"role": "assistant", "content": text, **message},
                }
            ],
            "usage": {
                "prompt_tokens": 7,
                "completion_tokens": 5,
                "total_tokens": 12,
                "prompt_tokens_details": {"cached_tokens": 3},
            },
        }
    )


@contextmanager
def serving(server: ChatServer) -> Iterator[ChatServer]:
    """Runs it on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # http.server's name
            self._send(server.answer(self.path, self.headers["authorization"], None))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._send(server.answer(self.path, self.headers["authorization"], body))

        def _send(self, answer: Answer) -> None:
            is_text = isinstance(answer.body, str)
            data = (answer.body if is_text else json.dumps(answer.body)).encode()
            self.send_response(answer.status)
            self.send_header("content-type", "text/html" if is_text else "application/json")
            self.send_header("content-length", str(len(data)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if not server.keeps_connections:
                self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.url = f"http://127.0.0.1:{http.server_port}/v1"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
