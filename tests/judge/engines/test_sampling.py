"""Rows: sampled by their own decoding, ended where they should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (the transformers extra)")

from judge import Decoding  # noqa: E402
from judge.engines.sampling import ModelInputs, Row, choose  # noqa: E402

TEXTS = ["<end>", "red", " blue", "</ans", "wer>", "!", "</answer>\n"]
END = 0


def row(decoding: Decoding = Decoding(), **changes: object) -> Row:  # noqa: B008  # frozen
    settings = {
        "limit": 8,
        "ends": frozenset({END}),
        "stop": ("</answer>",),
        "decode": decode,
        "is_cancelled": lambda: False,
        **changes,
    }
    return Row(ModelInputs({"input_ids": [1, 2]}, {}), decoding, **settings)  # type: ignore[arg-type]


def decode(tokens: Sequence[int]) -> str:
    return "".join(TEXTS[token] for token in tokens if token != END)


def feed(row: Row, *tokens: int) -> Row:
    for token in tokens:
        assert not row.is_done
        row.take(torch.nn.functional.one_hot(torch.tensor(token), len(TEXTS)).float())
    return row


def test_reply_ends_behind_a_stop_text_that_several_tokens_spell() -> None:
    done = feed(row(), 1, 2, 3, 4)
    assert (done.text, done.finish) == ("red blue</answer>", "stop")


def test_what_a_token_holds_behind_the_stop_text_is_cut() -> None:
    assert feed(row(), 1, 6).text == "red</answer>"


def test_reply_ends_where_the_model_ends_it() -> None:
    done = feed(row(), 1, END)
    assert (done.text, done.finish, len(done.written)) == ("red", "end", 2)


def test_reply_ends_at_its_limit() -> None:
    done = feed(row(limit=3), 1, 2, 1)
    assert (done.text, done.finish) == ("red bluered", "length")


def test_cancelled_row_is_done_without_a_finish() -> None:
    given_up = feed(row(is_cancelled=lambda: True))
    assert given_up.is_done
    assert given_up.finish is None


def test_log_probabilities_are_those_of_the_first_token() -> None:
    written = feed(row(), 1, 2)
    assert written.logprobs is not None
    assert int(written.logprobs.argmax()) == 1
    assert float(written.logprobs.exp().sum()) == pytest.approx(1)


def drawn(
    decoding: Decoding, scores: Sequence[float], seed: int = 0, count: int = 400
) -> Counter[int]:
    generator = torch.Generator().manual_seed(seed)
    return Counter(choose(torch.tensor(scores), decoding, generator) for _ in range(count))


def test_temperature_zero_takes_the_likeliest() -> None:
    assert drawn(Decoding(temperature=0), [0.0, 2.0, 1.9]) == {1: 400}


def test_temperature_flattens_the_distribution() -> None:
    scores = [0.0, 2.0]
    cold, hot = (drawn(Decoding(temperature=each), scores)[1] / 400 for each in (1.0, 4.0))
    assert cold == pytest.approx(0.88, abs=0.05)  # 1 / (1 + exp(-2))
    assert hot == pytest.approx(0.62, abs=0.07)  # 1 / (1 + exp(-1/2))


def test_nucleus_keeps_the_token_that_crosses_its_edge_and_no_further_one() -> None:
    scores = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().tolist()
    assert set(drawn(Decoding(temperature=1, top_p=0.6), scores)) == {0, 1}
    assert set(drawn(Decoding(temperature=1, top_p=0.5), scores)) == {0}
    assert set(drawn(Decoding(temperature=1, top_p=1.0), scores)) == {0, 1, 2, 3}


def test_same_seed_gives_the_same_samples() -> None:
    scores = [0.0] * 50
    hot = Decoding(temperature=1)
    assert drawn(hot, scores, seed=3) == drawn(hot, scores, seed=3)
    assert drawn(hot, scores, seed=3) != drawn(hot, scores, seed=4)
