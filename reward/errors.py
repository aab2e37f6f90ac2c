"""What can go wrong around rewards; these hang on the tree of :mod:`judge.errors`.

    judge.JudgeError
    ├── RewardRequestError     the reward server refused a whole call: the caller has to change it
    └── ServerNotReadyError    the reward server was not ready in time, or its engine is dead

A sample that was not judged is none of these: it is a value, ``Reward`` without a number.
"""

from __future__ import annotations

from judge.errors import JudgeError


class RewardRequestError(JudgeError):
    """The call as a whole is wrong: unknown rubric, not an address, not a reward server, …"""


class ServerNotReadyError(JudgeError):
    """The reward server was not ready in time, or its engine is dead."""
