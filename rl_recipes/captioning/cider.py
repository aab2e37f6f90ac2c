"""CIDEr-D of captions against references, with a document frequency that stays as it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

from rl_recipes.captioning.claims import words_of

_MAX_N = 4
_SIGMA = 6.0
_SCALE = 10.0
Ngram = tuple[str, ...]
Counts = Mapping[Ngram, float]


class CiderD:
    """CIDEr-D (Vedantam et al. 2015, arXiv 1411.5726, section 5.1).

    For each n from 1 to 4, n-grams are weighted by their count times log(N / df), where df of the
    N reference sets hold the n-gram; the candidate's weights are clipped to the reference's; the
    cosine of the two is damped by exp(−Δ² / 2σ²), with Δ the difference in words and σ = 6. The
    score is 10 times the mean over n and over references, in [0, 10]. As in the COCO evaluation's
    code, counts are not divided by the text's length. Words are not stemmed.

    The document frequency is taken once, from ``corpus``: scores of one policy do not depend on
    another's, nor on the batch.

    Args:
        corpus: the references of each picture; two pictures at least.

    Raises:
        ValueError: fewer than two pictures: every log would be 0.
    """

    def __init__(self, corpus: Sequence[Sequence[str]]) -> None:
        if len(corpus) < 2:
            raise ValueError(f"CIDEr-D needs the references of 2 pictures, got {len(corpus)}")
        self._log_pictures = math.log(len(corpus))
        self._pictures_with = Counter(
            chain.from_iterable(
                {ngram for text in references for ngram in _ngrams(words_of(text))}
                for references in corpus
            )
        )

    def score(self, text: str, references: Sequence[str]) -> float:
        """CIDEr-D of a caption against the references of its picture, of which there is one at
        least; in [0, 10].
        """
        return sum(self._similarity(text, each) for each in references) / len(references)

    def _similarity(self, text: str, reference: str) -> float:
        words, true_words = words_of(text), words_of(reference)
        damped = math.exp(-((len(words) - len(true_words)) ** 2) / (2 * _SIGMA**2))
        weights, true_weights = self._weights(words), self._weights(true_words)
        cosines = (
            _clipped_cosine(_of_length(weights, n), _of_length(true_weights, n))
            for n in range(1, _MAX_N + 1)
        )
        return _SCALE * damped * sum(cosines) / _MAX_N

    def _weights(self, words: Sequence[str]) -> dict[Ngram, float]:
        return {
            ngram: count * (self._log_pictures - math.log(max(1, self._pictures_with[ngram])))
            for ngram, count in Counter(_ngrams(words)).items()
        }


def _ngrams(words: Sequence[str]) -> list[Ngram]:
    return [
        tuple(words[start : start + n])
        for n in range(1, _MAX_N + 1)
        for start in range(len(words) - n + 1)
    ]


def _of_length(weights: Counts, n: int) -> dict[Ngram, float]:
    return {ngram: weight for ngram, weight in weights.items() if len(ngram) == n}


def _clipped_cosine(weights: Counts, reference: Counts) -> float:
    product = sum(
        min(weight, reference[ngram]) * reference[ngram]
        for ngram, weight in weights.items()
        if ngram in reference
    )
    norms = math.hypot(*weights.values()) * math.hypot(*reference.values())
    return product / norms if norms else 0.0
