"""A group as a client asks for it: how it is compared, and which part of it a rank has."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from reward.groups.scoring import GroupScoring, ListwiseScoring


@dataclass(frozen=True, slots=True)
class Cohort:
    """Which part of which group a call brings; the server judges the group once all parts came.

    Args:
        id: the group's name, of one step of one run alone, e.g. ``"run7/step12/prompt3"``.
        part: tells the group's parts apart, e.g. by the rank.
        size: samples of all parts together, at least 2.
        wait_s: how long the first part waits for the others, in seconds; below the deadline.
        on_missing: what becomes of a group of which parts are missing then: those that came are
            judged, if they are two or more, or all stay unjudged.
    """

    id: str
    part: str
    size: int
    wait_s: float = 30.0
    on_missing: Literal["judge", "unjudged"] = "judge"


def group_options(scoring: GroupScoring, cohort: Cohort | None) -> dict[str, Any]:
    """The fields of ``/v1/groups`` that say how."""
    comparison = scoring.comparison
    if isinstance(comparison, ListwiseScoring):
        how = {"method": "listwise", "permutations": comparison.permutations}
    else:
        how = {"method": "pairwise", **asdict(comparison)}
    options = {"comparison": how, "pointwise_weight": scoring.pointwise_weight}
    return options if cohort is None else {**options, "cohort": asdict(cohort)}
