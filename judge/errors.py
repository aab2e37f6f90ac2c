"""What can go wrong, as a tree.

    JudgeError
    ├── RequestError          the request is not one this judge can take (bad row, wrong rubric, …)
    │   └── MediaError        a picture, video or recording that cannot be read, or is over a limit
    ├── JudgeFolderError      a judge folder or profile that is missing or does not hold together
    ├── MissingExtraError     an optional package is needed and not installed
    └── EngineError           the engine failed; nothing can be said about the request
        └── EngineDeadError   and it will not answer again until it is restarted

A reply that holds no readable verdict is none of these: it is a value, ``Unjudged``.
"""

from __future__ import annotations


class JudgeError(Exception):
    """Base of every error this project raises on purpose."""


class RequestError(JudgeError):
    """The request is not one this judge can take."""


class MediaError(RequestError):
    """A picture, video or recording that cannot be read, or is over a limit."""


class JudgeFolderError(JudgeError):
    """A judge folder or profile that is missing or does not hold together."""


class MissingExtraError(JudgeError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, *extras: str) -> None:
        commands = " or ".join(f"pip install 'flexreward[{extra}]'" for extra in extras)
        super().__init__(
            f"this needs the package {package!r}, which is not installed; use: {commands}"
        )


class EngineError(JudgeError):
    """The engine failed; nothing can be said about the request."""


class EngineDeadError(EngineError):
    """The engine will not answer again until it is restarted."""
