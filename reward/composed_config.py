"""A composed reward as a YAML file.

name: caption                  # what a server offers it as
rubric: captioning             # what the judge goes by
judge_weight: 1.0              # optional
gates:                         # optional: a candidate that fails one gets its value, unjudged
  - {name: not_empty, length: {low: 1}, value: 0.0}
  - {name: no_links, pattern: {pattern: "https?://", forbidden: true}, value: 0.0}
  - {repetition: {n: 3}, at_least: 0.5, value: 0.0}
terms:                         # optional: weighted beside the judge
  - {length: {low: 20, high: 120, margin: 40, unit: words}, weight: 0.2}
  - {ending: {}, weight: 0.1}

Each part holds one term of :mod:`reward.terms` with its settings; ``name`` is the kind's where it
is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from judge.errors import MissingExtraError, RequestError
from reward.compose import ComposedReward, Gate, WeightedTerm
from reward.terms import Ending, LengthBand, Pattern, Repetition, Term, ValidMolecule

try:
    import yaml
    from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
except ImportError as missing:
    raise MissingExtraError(missing.name or "pydantic", "compose", "serve") from missing


class _Part(BaseModel):
    """One term, by its kind; ``name`` defaults to that."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    length: LengthBand | None = None
    repetition: Repetition | None = None
    pattern: Pattern | None = None
    ending: Ending | None = None
    molecule: ValidMolecule | None = None

    @property
    def _kinds(self) -> dict[str, Term | None]:
        return {
            "length": self.length,
            "repetition": self.repetition,
            "pattern": self.pattern,
            "ending": self.ending,
            "molecule": self.molecule,
        }

    @model_validator(mode="after")
    def _holds_one_term(self) -> Self:
        if sum(term is not None for term in self._kinds.values()) != 1:
            kinds = " or ".join(self._kinds)
            raise ValueError(f"takes one term ({kinds}, with {{…}} around its settings)")
        return self

    def named_term(self) -> tuple[str, Term]:
        ((kind, term),) = [(kind, term) for kind, term in self._kinds.items() if term is not None]
        return self.name or kind, term


class _Gate(_Part):
    value: float
    at_least: float = 1.0


class _WeightedTerm(_Part):
    weight: float


class _Composed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    rubric: str
    judge_weight: float = 1.0
    gates: list[_Gate] = []
    terms: list[_WeightedTerm] = []


def load_composed(path: str | Path) -> ComposedReward:
    """The composed reward in a YAML file.

    Raises:
        RequestError: the file cannot be read or does not hold one; the message says where.
        MissingExtraError: a term needs a package that is not installed.
    """
    try:
        table = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        composed = _Composed.model_validate(table)
        return ComposedReward(
            name=composed.name,
            rubric=composed.rubric,
            gates=tuple(
                Gate(*gate.named_term(), gate.value, gate.at_least) for gate in composed.gates
            ),
            terms=tuple(WeightedTerm(*term.named_term(), term.weight) for term in composed.terms),
            judge_weight=composed.judge_weight,
        )
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, each['loc'])) or 'the whole'}: {each['msg']}"
            for each in error.errors()[:8]
        ]
        raise RequestError(f"{path} does not hold a composed reward: {'; '.join(lines)}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RequestError(f"{path} does not hold a composed reward: {error}") from error
