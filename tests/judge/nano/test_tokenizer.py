"""The nano tokenizer: any text comes back, and a number is one token."""

from __future__ import annotations

from typing import Any

import pytest
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


@pytest.mark.parametrize("number", ["0", "7", "42", "99", "-0.4", "-6.0", "3.1", "12.9"])
def test_a_number_behind_a_space_is_one_token(number: str) -> None:
    assert len(TOKENIZER.tokenize(f" {number}")) == 1


def test_the_score_of_an_answer_tag_is_read_digit_by_digit() -> None:
    assert TOKENIZER.tokenize(">10<")[1:3] == ["1", "0"]
