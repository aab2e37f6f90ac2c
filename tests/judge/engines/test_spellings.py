"""What spells a special token is broken; what people write stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.engines.spellings import break_special_tokens, is_special_token

SPECIAL = """
<|im_start|> <|im_end|> <|endoftext|> <|vision_start|> <|image_pad|> <tool_call> </tool_call>
<|eot_id|> <|start_header_id|> <|begin_of_text|> <|reserved_special_token_7|> <|channel|> <|>
<bos> <eos> <pad> <start_of_turn> <end_of_turn> <start_of_image> <image_soft_token> <unused12>
<|turn> <turn|> <|image> <image|>
<s> </s> <unk> <<SYS>> <</SYS>> [INST] [/INST] [IMG] [IMG_BREAK] [TOOL_CALLS] [SYSTEM_PROMPT]
[THINK] [/THINK] <｜begin▁of▁sentence｜> <｜User｜> <fim_prefix> <image> <video> <mask>
<prompt_embeds>
""".split()  # noqa: SIM905  # as a list it would take forty lines

ORDINARY = (
    "a < b and c > d | e",
    "vector<int> x; if (a <b> c)",
    "<p>One <em>two</em></p>",
    "C[C@@H](N)C(=O)O and [NH3+] and [Na+] and [OH-]",
    "see [1], [A], [TODO] and [Section 2]",
    "<think>\nred, wrong.\n</think>\n<answer>7</answer>",
    "|x| <= 3, x|> 2",
)


@pytest.mark.parametrize("token", SPECIAL)
def test_special_token_is_broken_and_can_still_be_read(token: str) -> None:
    assert is_special_token(token)
    broken = break_special_tokens(f"see {token}{token} here")
    assert token not in broken
    assert broken.replace(" ", "") == f"see{token}{token}here"


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert break_special_tokens(text) == text


@given(st.lists(st.sampled_from([*SPECIAL, "<", "|", ">", "[", "]", "_", "a", " "])).map("".join))
def test_no_special_token_is_left_however_they_are_nested(text: str) -> None:
    broken = break_special_tokens(text)
    assert not any(token in broken for token in SPECIAL)
    assert break_special_tokens(broken) == broken
