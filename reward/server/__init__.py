"""The reward server: one judge behind HTTP. FastAPI loads on first use of :func:`create_app`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reward.server.app import create_app
    from reward.server.config import ServerConfig

__all__ = ["ServerConfig", "create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from reward.server.app import create_app

        return create_app
    if name == "ServerConfig":
        from reward.server.config import ServerConfig

        return ServerConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
