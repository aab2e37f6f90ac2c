"""What can go wrong around rewards; these hang on the tree of :mod:`judge.errors`.

    judge.JudgeError
    ├── RewardRequestError     the reward server refused a whole call: the caller has to change it
    ├── ServerConfigError      the reward server cannot be run with these settings
    ├── StoreError             a verdict store that cannot be opened, or read by a command
    ├── ServerNotReadyError    the reward server was not ready in time, or its engine is dead
    └── UnjudgedError          no reward of a sample, where a framework has to be told by an error

A sample that was not judged is else none of these: it is a value, ``Reward`` without a number.
"""

from __future__ import annotations

from judge.errors import JudgeError


class RewardRequestError(JudgeError):
    """The call as a whole is wrong: unknown rubric, not an address, not a reward server, …"""


class ServerNotReadyError(JudgeError):
    """The reward server was not ready in time, or its engine is dead."""


class StoreError(JudgeError):
    """A verdict store that cannot be opened, or that a command cannot read."""


class ServerConfigError(JudgeError):
    """The reward server cannot be run with these settings; the message names the one."""


class UnjudgedError(JudgeError):
    """A sample was not judged, and the framework has no other way to be told, or none was named."""
