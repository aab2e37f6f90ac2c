"""The molecule generator's architecture, a stock Llama of under a million parameters."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rl_recipes.molecules.tokenizer import ENDS

HIDDEN = 128


def make_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """A randomly initialised model in float32; ``head_dim`` is 32, the least vLLM runs on CPU."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer) + 5,  # vLLM asks for more rows than the tokenizer has
            hidden_size=HIDDEN,
            intermediate_size=384,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=256,
            tie_word_embeddings=True,
            initializer_range=HIDDEN**-0.5,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    _order_numbers(model, tokenizer)
    return model


@torch.no_grad()
def _order_numbers(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Embeds the ends of ranges along a random walk, so that numbers near each other start alike:
    what is learned of one holds for its neighbours, of which there are too many to be learned one
    by one.
    """
    embedding = model.model.embed_tokens.weight
    for tokens in ENDS:
        walk = torch.randn(len(tokens), HIDDEN).cumsum(dim=0)
        ids = tokenizer.convert_tokens_to_ids(list(tokens))
        embedding[ids] = walk / walk.std() * model.config.initializer_range


def save_policy(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes a bf16 checkpoint that stock transformers and vLLM load."""
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}
    model.config.dtype = torch.bfloat16
    model.save_pretrained(folder, state_dict=weights)
    tokenizer.save_pretrained(folder)
