"""Answers of a policy as it was trained: by its weights alone."""

from __future__ import annotations

import pytest
import torch
from trl import ModelConfig

from rl_recipes.generation import Messages, write_answers
from rl_recipes.molecules.data import held_out_wishes
from rl_recipes.policy import open_policy
from rl_recipes.recipe import Policy


@pytest.fixture
def policy() -> Policy:
    return open_policy("nano-molgen", ModelConfig())


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_a_checkpoint_asks_of_sampling_is_not_taken(
    policy: Policy, temperature: float
) -> None:
    prompts: list[Messages] = list(held_out_wishes(8))

    def written() -> list[str]:
        torch.manual_seed(0)
        return write_answers(policy, prompts, max_new_tokens=20, temperature=temperature)

    expected = written()
    settings = policy.model.generation_config
    settings.repetition_penalty, settings.top_p, settings.top_k = 3.0, 0.1, 2
    assert written() == expected


def test_the_beginning_of_a_text_is_the_chat_template_s(policy: Policy) -> None:
    (prompt,) = held_out_wishes(1)
    rendered: list[list[int]] = []

    class Tokenizer:
        """Begins texts with a token of its own, as Llama's does, unless told not to."""

        def __getattr__(self, name: str) -> object:
            return getattr(policy.processor, name)

        def __call__(self, add_special_tokens: bool = True, **inputs: object) -> object:
            found = policy.processor(add_special_tokens=False, **inputs)
            begun = [policy.processor.eos_token_id] if add_special_tokens else []
            rendered.append(begun + found["input_ids"][0].tolist())
            return found

    write_answers(Policy(policy.model, Tokenizer()), [prompt], max_new_tokens=2)
    expected = policy.processor.apply_chat_template(prompt, add_generation_prompt=True)
    assert rendered == [expected["input_ids"]]
