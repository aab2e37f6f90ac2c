from __future__ import annotations

import pytest

from reward.store.quantities import parse_age, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("1.5h", 5400), ("30d", 2_592_000), (" 2 w", 1_209_600)]
)
def test_ages(text: str, seconds: float) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("0B", 0), ("500MB", 500_000_000), ("2GB", 2 * 10**9), ("2GiB", 2 * 2**30)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1y", "30 days", "1e3s", "1,5h", "٣d"])
def test_an_age_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected an age such as"):
        parse_age(text)


@pytest.mark.parametrize("text", ["", "2", "GB", "-1GB", "2gb", "inf"])
def test_a_size_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected a size such as"):
        parse_size(text)
