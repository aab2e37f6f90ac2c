"""The resolved settings, for a person to read."""

from __future__ import annotations

import re
from typing import Any

import yaml

from reward.server.config import ServerConfig

_MASK = "**********"
_SECRET = re.compile(r"(^|_)(key|keys|token|secret|password)$")
_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]+(?=@)")


def config_text(config: ServerConfig) -> str:
    """The settings as YAML that ``--config`` takes; secrets are masked."""
    values = _masked(config.model_dump(mode="json"))
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _masked(value: Any, name: str = "") -> Any:
    """The value without passwords in addresses, and without what a field of that name hides."""
    if isinstance(value, dict):
        return {key: _masked(each, str(key)) for key, each in value.items()}
    if value and _SECRET.search(name):
        return _MASK
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return _PASSWORD.sub(rf"\1:{_MASK}", value) if isinstance(value, str) else value
