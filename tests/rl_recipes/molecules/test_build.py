"""The generator's pre-training: rows, and a build that goes on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from judge.errors import RequestError
from rl_recipes.molecules.build import build
from rl_recipes.molecules.chem.validity import is_valid
from rl_recipes.molecules.data import training_molecules
from rl_recipes.molecules.pretrain import Batches, PretrainPlan
from rl_recipes.molecules.tokenizer import make_tokenizer

QUICK = PretrainPlan(steps=4, batch=4, save_every=2)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


def test_batches_are_the_same_at_each_asking_and_only_molecules_are_learned(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    batches = Batches(tokenizer, QUICK)
    assert len(batches) == QUICK.steps
    batch, again = batches[3], batches[3]
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
        learned = labels != -100
        assert is_valid(tokenizer.decode(ids[learned][:-1]))
        assert ids[learned][-1] == tokenizer.eos_token_id
        told = tokenizer.decode(ids[: int(learned.nonzero()[0])])
        assert told.startswith("<|user|>Find a molecule with ")
        assert told.endswith(".<|policy|>")


def test_molecules_come_once_an_epoch_beside_others_of_their_length(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    steps = len(training_molecules()) // 64
    batches = Batches(tokenizer, PretrainPlan(steps=steps))
    some = [batches[step] for step in range(20)]
    padding = [1 - float(batch["attention_mask"].float().mean()) for batch in some]
    assert max(padding) < 0.3
    texts = [
        tokenizer.decode(labels[labels != -100][:-1])
        for batch in some
        for labels in batch["labels"]
    ]
    assert len(set(texts)) == len(texts)


def test_a_build_is_loadable_small_and_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    build(QUICK, whole)
    model = AutoModelForCausalLM.from_pretrained(whole)
    tokenizer = AutoTokenizer.from_pretrained(whole)
    assert len(tokenizer) < model.config.vocab_size  # vLLM asks for it
    assert model.config.head_dim >= 32
    assert sum(path.stat().st_size for path in whole.iterdir()) < 4_000_000
    assert (whole / "README.md").is_file()

    build(QUICK, stopped)
    work = tmp_path / "stopped.work"
    last = json.loads((work / "checkpoint-4" / "trainer_state.json").read_text())
    assert last["global_step"] == 4
    build(QUICK, stopped)  # goes on from the last checkpoint: there is nothing left to do
    for path in (whole, stopped):
        again = AutoModelForCausalLM.from_pretrained(path).state_dict()
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, again[name]), name


def test_the_checkpoints_of_another_plan_are_not_gone_on_with(tmp_path: Path) -> None:
    build(QUICK, tmp_path / "out")
    with pytest.raises(RequestError, match="steps was 4 and is 6"):
        build(PretrainPlan(steps=6, batch=4, save_every=2), tmp_path / "out")
