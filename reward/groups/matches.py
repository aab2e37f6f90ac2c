"""Who is compared with whom, in which order, and what a comparison is worth. Pure, on places.

The candidates of a group are known here by their places, 0 to count − 1.
"""

from __future__ import annotations

Order = tuple[int, ...]
"""Places of the candidates of one comparison, as a judge is shown them."""


def pairings(count: int, neighbours: int | None = None) -> list[tuple[int, int]]:
    """The pairs of a round robin; with ``neighbours``, of a part of it.

    Then the candidates stand on a circle, and each meets that many to either side: ``count ·
    neighbours`` pairs, in which all take part equally often. Where that is no fewer than the
    ``count · (count − 1) / 2`` of the round robin, it is the round robin.
    """
    if neighbours is None or 2 * neighbours >= count - 1:
        return [(one, other) for one in range(count) for other in range(one + 1, count)]
    return [
        (place, (place + step) % count)
        for step in range(1, neighbours + 1)
        for place in range(count)
    ]


def list_orders(count: int, permutations: int) -> list[Order]:
    """Orders in which a judge is shown all candidates: rotations, each followed by its reverse.

    With an even number of permutations each candidate stands in the middle of the list on average.
    """
    rotations = (permutations + 1) // 2
    orders: list[Order] = []
    for turn in range(permutations):
        start = (turn // 2) * count // rotations
        order = tuple((start + step) % count for step in range(count))
        orders.append(order[::-1] if turn % 2 else order)
    return orders


def standings(scores: tuple[float, ...]) -> tuple[float, ...]:
    """Of each candidate the share of the others that it beats, in [0, 1]; a tie is half a win.

    Of two it is 1, 0.5 or 0; of a list it is the mid-rank, 1 for the sole best and 0 for the sole
    worst. There have to be at least two scores.
    """
    return tuple(
        (sum(other < score for other in scores) + (scores.count(score) - 1) / 2) / (len(scores) - 1)
        for score in scores
    )
