"""The generator's tokenizer: atoms and the ends of ranges are whole, and texts come back."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from rl_recipes.molecules.data import held_out_molecules, held_out_wishes
from rl_recipes.molecules.tokenizer import make_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


def test_atoms_are_whole(tokenizer: PreTrainedTokenizerFast) -> None:
    tokens = tokenizer.tokenize("Clc1c[nH]c([N+](=O)[O-])c1Br")
    whole = ["Cl", "c", "1", "c", "[nH]", "c", "(", "[N+]", "(", "=", "O", ")", "[O-]", ")"]
    assert tokens == [*whole, "c", "1", "Br"]


def test_the_ends_of_ranges_are_whole(tokenizer: PreTrainedTokenizerFast) -> None:
    tokens = tokenizer.tokenize("Find a molecule with rotatable bonds 2 to 11, logP -1.2 to 3.0.")
    assert tokens[4:] == [" rotatable bonds 2", " to 11", ",", " logP -1.2", " to 3.0", "."]


def test_no_held_out_wish_has_unknown_words(tokenizer: PreTrainedTokenizerFast) -> None:
    wishes = [prompt[0]["content"] for prompt in held_out_wishes(256)]
    assert not any(tokenizer.unk_token_id in ids for ids in tokenizer(wishes).input_ids)


def test_texts_come_back(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    texts = [
        *(prompt[0]["content"] for prompt in held_out_wishes(200)),
        *held_out_molecules()[:200],
    ]
    for text in texts:
        assert again.decode(again(text).input_ids, skip_special_tokens=True) == text


def test_a_prompt_ends_where_the_policy_begins(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = held_out_wishes(1)[0]
    text = str(tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True))
    assert text == f"<|user|>{prompt[0]['content']}<|policy|>"
    answered = [*prompt, {"role": "assistant", "content": "CCO"}]
    whole = str(tokenizer.apply_chat_template(answered, tokenize=False))
    assert whole == f"{text}CCO<|end|>"
