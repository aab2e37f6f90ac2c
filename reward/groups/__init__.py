"""Rewards of a group: the candidates of one question, compared with each other.

    members → plan_group → judge → rewards

A pointwise reward is anchored in its rubric, and its steps are coarse: a group may well get one
score throughout, which teaches a policy nothing. Comparing tells its members apart.
"""

from __future__ import annotations

from reward.groups.plan import GroupPlan, MemberReward, judge_group, plan_group
from reward.groups.scoring import GroupScoring, ListwiseScoring, PairwiseScoring

__all__ = [
    "GroupPlan",
    "GroupScoring",
    "ListwiseScoring",
    "MemberReward",
    "PairwiseScoring",
    "judge_group",
    "plan_group",
]
