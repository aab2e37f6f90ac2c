"""The nano tokenizer: any text comes back, and digits stand alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from judge.nano.tokenizer import VOCABULARY, train_tokenizer

TOKENIZER: Any = train_tokenizer(samples=300)


@given(text=st.text())
def test_any_text_comes_back(text: str) -> None:
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    whole = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    assert TOKENIZER.decode(ids, clean_up_tokenization_spaces=False) == whole
    assert all(0 <= number < VOCABULARY for number in ids)


def test_the_score_of_an_answer_tag_is_read_digit_by_digit() -> None:
    assert TOKENIZER.tokenize(">10<")[1:3] == ["1", "0"]
