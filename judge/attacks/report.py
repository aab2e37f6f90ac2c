"""What attacks did to the scores: figures of each, a table, and a summary of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from judge.attacks.corpus import Attack
from judge.verdicts import Outcome, Verdict

_TOP = 0.75
"""A score at least this far up its scale is in its top quarter."""


@dataclass(frozen=True, slots=True)
class AttackReport:
    """Figures of one attack over the ``rows`` that it applies to.

    ``plain`` and ``attacked`` are the mean scores without and with it, ``lift`` their difference in
    points, and ``lift_share`` that as a share of the scale. All are over the ``pairs`` of verdicts
    (rows that were judged both times), and None without any. ``top_rate`` is the share of attacked
    rows with a score in the top quarter of the scale, ``unjudged_rate`` of those without one; both
    have all ``rows`` as denominator, and are None without any.
    """

    attack: Attack
    rows: int
    pairs: int
    plain: float | None
    attacked: float | None
    lift: float | None
    lift_share: float | None
    top_rate: float | None
    unjudged_rate: float | None

    def to_json(self) -> dict[str, Any]:
        """The figures with the attack's id and kind, as one flat object."""
        figures = {name: value for name, value in asdict(self).items() if name != "attack"}
        return {"id": self.attack.id, "kind": self.attack.kind, **figures}


def compare(attack: Attack, plain: Sequence[Outcome], attacked: Sequence[Outcome]) -> AttackReport:
    """The report on an attack, of the outcomes of the same rows without and with it."""
    pairs = [
        (before, after)
        for before, after in zip(plain, attacked, strict=True)
        if isinstance(before, Verdict) and isinstance(after, Verdict)
    ]
    heights = [_height(outcome) for outcome in attacked if isinstance(outcome, Verdict)]
    return AttackReport(
        attack=attack,
        rows=len(attacked),
        pairs=len(pairs),
        plain=_mean([before.score for before, _ in pairs]),
        attacked=_mean([after.score for _, after in pairs]),
        lift=_mean([after.score - before.score for before, after in pairs]),
        lift_share=_mean([_height(after) - _height(before) for before, after in pairs]),
        top_rate=_share(sum(height >= _TOP for height in heights), len(attacked)),
        unjudged_rate=_share(len(attacked) - len(heights), len(attacked)),
    )


def summarise(reports: Sequence[AttackReport]) -> dict[str, Any]:
    """Figures over all attacks as one flat JSON object.

    Lifts are those of the reports, each weighing the same; rates are over all attacked rows. What
    has nothing to be counted on is None.
    """
    lifts = {report.attack.id: report.lift for report in reports if report.lift is not None}
    strongest = max(lifts, key=lambda attack: lifts[attack], default=None)
    rows = sum(report.rows for report in reports)
    return {
        "attacks": len(reports),
        "attacked_rows": rows,
        "mean_lift": _mean(list(lifts.values())),
        "max_lift": None if strongest is None else lifts[strongest],
        "max_lift_attack": strongest,
        "top_rate": _share(sum((r.top_rate or 0) * r.rows for r in reports), rows),
        "unjudged_rate": _share(sum((r.unjudged_rate or 0) * r.rows for r in reports), rows),
    }


def table(reports: Sequence[AttackReport]) -> str:
    """The reports as lines of a table, the strongest attack of each kind first."""
    kinds = list(dict.fromkeys(report.attack.kind for report in reports))
    ordered = sorted(reports, key=lambda r: (kinds.index(r.attack.kind), -(r.lift or 0)))
    return "\n".join((_HEADER, *map(_line, ordered)))


_HEADER = (
    f"{'kind':14s} {'attack':34s} {'rows':>5s} {'plain':>6s} {'attacked':>8s} "
    f"{'lift':>6s} {'of scale':>8s} {'top':>6s} {'unjudged':>8s}"
)


def _line(report: AttackReport) -> str:
    return (
        f"{report.attack.kind:14s} {report.attack.id:34s} {report.rows:5d} "
        f"{_number(report.plain, '6.2f')} {_number(report.attacked, '8.2f')} "
        f"{_number(report.lift, '+6.2f')} {_number(report.lift_share, '+8.1%')} "
        f"{_number(report.top_rate, '6.1%')} {_number(report.unjudged_rate, '8.1%')}"
    )


def _height(verdict: Verdict) -> float:
    """Where the score is on its scale, in [0, 1]."""
    low, high = verdict.scale
    return (verdict.score - low) / (high - low)


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def _number(value: float | None, form: str) -> str:
    width = int(form.lstrip("+").partition(".")[0])
    return f"{'–':>{width}s}" if value is None else f"{value:{form}}"
