"""A request and its answer between the front and a replica."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


class ReplicaGoneError(Exception):
    """The replica that was asked died, or there is none."""


class ReplicasBusyError(Exception):
    """More is under way than the replicas take."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An HTTP request; ``path`` with its query."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to one."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """The JSON object in the body; empty where it holds none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
