"""What a run of curation is to do. The defaults are Flex-Judge's (arXiv 2505.18601)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from judge.errors import RequestError
from judge.sft.curate.source import Columns

Agreement = Literal["exact", "order"]
"""Both scores equal the reference's; or the same answer is preferred (or neither)."""


@dataclass(frozen=True, slots=True)
class CuratePlan:
    """Source, filters and sizes.

    ``source`` is a table as :func:`judge.tables.open_table` takes it, of which ``limit`` rows are
    read at most. Of each pair the teacher gives up to ``seeds`` replies, until one agrees with the
    reference by ``agree``. ``pairs`` of those kept are taken whole, the longest ones, with at
    least ``pair_min_tokens`` of reasoning; ``singles`` of the rest are cut to one answer and have
    at least ``single_min_tokens`` then. Tokens are counted by ``tokenizer`` (a path or hub id) or,
    without one, estimated. Shares are in [0, 1]: ``halve_share`` of the rows get the halved scale,
    ``validation_share`` are kept from training, and ``hard_negatives``, in proportion to the other
    rows, are added. ``profile`` names the prompts; ``seed`` decides all that is random.
    """

    source: str
    columns: Columns = field(default_factory=Columns)
    rubric: str = "helpfulness"
    limit: int | None = None
    seeds: int = 3
    agree: Agreement = "exact"
    profile: str = "default"
    singles: int = 500
    single_min_tokens: int = 375
    pairs: int = 500
    pair_min_tokens: int = 750
    tokenizer: str | None = None
    diversity: bool = True
    halve_share: float = 0.5
    validation_share: float = 0.05
    hard_negatives: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("singles", "single_min_tokens", "pairs", "pair_min_tokens"):
            if getattr(self, name) < 0:
                raise RequestError(f"{name} has to be at least 0, got {getattr(self, name)}")
        if self.singles + self.pairs == 0:
            raise RequestError("singles and pairs are both 0: there is nothing to curate")
        if self.seeds < 1 or (self.limit is not None and self.limit < 1):
            raise RequestError("seeds and limit have to be at least 1")
        for name in ("halve_share", "validation_share", "hard_negatives"):
            if not 0 <= getattr(self, name) <= 1:
                raise RequestError(f"{name} is a share from 0 to 1, got {getattr(self, name)}")
