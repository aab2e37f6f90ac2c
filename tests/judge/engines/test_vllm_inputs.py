"""A prompt becomes ids, media with their hashes, and the encoder's embeddings in their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from judge import Candidate, EngineError, JudgeRequest, load_rubric
from judge.engines.tokens import SLOT, prompt_token_ids
from judge.engines.vllm_inputs import vllm_inputs
from judge.folder import builtin_profile
from judge.media import load_audio, load_image, load_video
from judge.nano.tokenizer import train_tokenizer
from judge.protocols import Pointwise
from judge.types import SAMPLE_RATE, Message, MoleculeSlot, Prompt, PromptPart, Segment

pytest.importorskip("torch", reason="an engine's package brings it")

PROTOCOL = Pointwise(builtin_profile("default").protocols["pointwise"], "embeddings")
MOLECULES = load_rubric("molecule")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(samples=50)


@dataclass(frozen=True)
class Lengths:
    """Embeds a molecule as its SMILES' length, three times."""

    slots: int = 3
    hidden_size: int = 4
    identity: str = "lengths"

    def encode(self, smiles: Sequence[str]) -> Any:
        lengths = np.array([len(each) for each in smiles], np.float32)
        return np.broadcast_to(lengths[:, None, None], (len(smiles), 3, 4)).copy()


def asked(*parts: PromptPart) -> Prompt:
    return Prompt((Message("user", parts),))


def words(text: str) -> Segment:
    return Segment(text, trusted=False)


def test_text_is_ids_alone(tokenizer: Any) -> None:
    prompt = asked(words("How far?"))
    for encoder in (None, Lengths()):
        assert vllm_inputs(prompt, tokenizer, encoder) == {
            "prompt_token_ids": prompt_token_ids(prompt, tokenizer)
        }


def test_media_stand_by_kind_in_order_with_their_hashes(tokenizer: Any) -> None:
    red, blue = (load_image(Pillow.new("RGB", (8, 8), colour)) for colour in ("red", "blue"))
    film = load_video([red, blue], fps=4.0)
    sound = load_audio((np.zeros(1600, np.float32), SAMPLE_RATE))
    inputs = vllm_inputs(asked(blue, sound, words("and"), film, red), tokenizer)
    data, hashes = inputs["multi_modal_data"], inputs["multi_modal_uuids"]
    assert [picture.getpixel((0, 0)) for picture in data["image"]] == [(0, 0, 255), (255, 0, 0)]
    ((frames, metadata),) = data["video"]
    assert frames.shape == (2, 8, 8, 3)
    assert metadata["fps"] == 4.0
    assert metadata["total_num_frames"] == len(metadata["frames_indices"]) == 2
    ((samples, rate),) = data["audio"]
    assert samples.shape == (1600,)
    assert rate == SAMPLE_RATE
    assert hashes == {
        "image": [blue.sha256, red.sha256],
        "video": [film.sha256],
        "audio": [sound.sha256],
    }
    assert inputs["mm_processor_kwargs"] == {"videos_kwargs": {"fps": 4.0}}


def test_molecule_is_its_slots_in_its_place(tokenizer: Any) -> None:
    prompt = asked(words("a"), MoleculeSlot("CCO"), words("b"), MoleculeSlot("C"))
    inputs = vllm_inputs(prompt, tokenizer, Lengths())
    ids = prompt_token_ids(prompt, tokenizer, slots=3)
    places = [place for place, number in enumerate(ids) if number == SLOT]
    assert len(places) == 6
    assert places[3] > places[2] + 1, "the text between them stays between them"
    is_token = inputs["prompt_is_token_ids"]
    assert [place for place, each in enumerate(is_token) if not each] == places
    embeddings = inputs["prompt_embeds"]
    assert embeddings.shape == (len(ids), 4)
    assert embeddings[places, 0].tolist() == [3, 3, 3, 1, 1, 1]
    assert not embeddings[is_token].any()
    kept = [number for number in inputs["prompt_token_ids"] if number >= 0]
    assert len(kept) == len(ids)
    around = vllm_inputs(asked(words("a"), words("b")), tokenizer)["prompt_token_ids"]
    assert [number for number in ids if number != SLOT] == around


def test_request_with_a_molecule_becomes_embeddings(tokenizer: Any) -> None:
    def inputs(smiles: str) -> dict[str, Any]:
        request = JudgeRequest(("A wish",), (Candidate(molecule=smiles),), MOLECULES)
        return vllm_inputs(PROTOCOL.render(request), tokenizer, Lengths())

    assert inputs("CCO")["prompt_is_token_ids"].count(False) == 3
    assert "prompt_embeds" not in inputs("C1CC"), "an invalid molecule stands in words"


@pytest.mark.parametrize("text", ["<prompt_embeds>", "<##PROMPT_EMBEDS##>", "<|embeds|>", "-1"])
def test_no_text_of_a_request_becomes_an_embedding(text: str, tokenizer: Any) -> None:
    request = JudgeRequest((text,), (Candidate(text),), load_rubric("helpfulness"), reference=text)
    inputs = vllm_inputs(PROTOCOL.render(request), tokenizer, Lengths())
    assert set(inputs) == {"prompt_token_ids"}
    assert min(inputs["prompt_token_ids"]) >= 0
    assert text in tokenizer.decode(inputs["prompt_token_ids"])


def test_molecule_without_an_encoder_is_refused(tokenizer: Any) -> None:
    with pytest.raises(EngineError, match="no molecule encoder"):
        vllm_inputs(asked(MoleculeSlot("CCO")), tokenizer)


def test_molecule_that_is_not_valid_is_refused(tokenizer: Any) -> None:
    with pytest.raises(EngineError, match="only valid molecules are shown as embeddings"):
        vllm_inputs(asked(MoleculeSlot("CCO"), MoleculeSlot("C1CC")), tokenizer, Lengths())


def test_media_beside_embeddings_are_refused_and_not_dropped(tokenizer: Any) -> None:
    red = load_image(Pillow.new("RGB", (8, 8), "red"))
    with pytest.raises(EngineError, match="takes no media in a prompt that shows molecules"):
        vllm_inputs(asked(red, MoleculeSlot("CCO")), tokenizer, Lengths())
