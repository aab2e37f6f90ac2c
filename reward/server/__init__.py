"""The reward server: one judge behind HTTP."""

from __future__ import annotations

from reward.server.app import create_app

__all__ = ["create_app"]
