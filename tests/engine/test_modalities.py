"""Pictures, videos, recordings and molecules reach real vLLM models: they change what is written.

The models are tiny and random; each architecture's engine starts once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from PIL import Image as Pillow

from judge import Candidate, EngineError, Judge, JudgeRequest, Reason, Unjudged, load_rubric
from judge.encoders import BITS, FEATURES, LEVELS, FingerprintEncoder
from judge.engines.tokens import prompt_token_ids
from judge.engines.vllm import VllmEngine
from judge.media import load_audio, load_image, load_video
from judge.molecules import PROPERTIES
from judge.types import Message, MoleculeSlot, NextToken, Prompt, PromptPart, Segment
from tests.live import vllm_counter

pytestmark = pytest.mark.engine
pytest.importorskip("vllm", reason="vLLM is not installed (make setup installs it)")

from tests.engine import tiny  # noqa: E402  # needs transformers, which comes with vLLM

T = TypeVar("T")
RUBRIC = load_rubric("captioning")
SLOTS = 3
OMNI_FRAMES = 12 * 12
"""Tokens of two frames: Qwen2.5-Omni's processor enlarges them to 128 tokens or more."""


@dataclass(frozen=True)
class Running:
    """A judge whose engine runs, and the loop that it runs on."""

    judge: Judge
    run: Callable[[Coroutine[Any, Any, Any]], Any]

    def likely(self, *parts: PromptPart) -> dict[str, float]:
        """Log-probabilities of the likeliest tokens behind a prompt of these parts."""
        tokens: tuple[NextToken, ...] = self.run(self.judge.engine.next_tokens(asked(*parts)))
        return {token.text: token.logprob for token in tokens}

    def prompt_tokens(self, *parts: PromptPart) -> int:
        """Tokens that vLLM counts in a prompt of these parts; a reply has to come back."""
        decoding = replace(self.judge.decoding, max_tokens=4)
        completion = self.run(self.judge.engine.generate(asked(*parts), decoding))
        assert completion.usage.completion_tokens > 0
        return int(completion.usage.prompt_tokens)

    def added_tokens(self, *parts: PromptPart) -> int:
        """How many tokens the media add to the placeholders of the chat template."""
        tokenizer = self.judge.engine.tokenizer  # type: ignore[attr-defined]  # vLLM's engine
        return self.prompt_tokens(*parts) - len(prompt_token_ids(asked(*parts), tokenizer))

    def judge_once(self, request: JudgeRequest) -> Unjudged:
        """The outcome on a request: these models never write one that can be read."""
        decoding = replace(self.judge.decoding, max_tokens=8, reasks=0)
        outcome: Unjudged = self.run(self.judge.judge(request, decoding))
        assert isinstance(outcome, Unjudged)
        return outcome


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    judge = Judge.from_folder(folder, enforce_eager=True, dtype="float32", max_model_len=2048)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(judge.start())
        yield Running(judge, loop.run_until_complete)
    finally:
        loop.run_until_complete(judge.close())
        loop.close()


def asked(*parts: PromptPart) -> Prompt:
    return Prompt((Message("user", (*parts, Segment("What is it?", trusted=True))),))


def difference(one: dict[str, float], other: dict[str, float]) -> float:
    """Largest gap between the log-probabilities of tokens that both name."""
    return max(abs(one[text] - other[text]) for text in one.keys() & other.keys())


def picture(colour: Any, size: tuple[int, int] = (56, 56)) -> Any:
    return load_image(Pillow.new("RGB", size, colour))


def video(*colours: str, fps: float = 1.0) -> Any:
    return load_video([Pillow.new("RGB", (56, 56), colour) for colour in colours], fps=fps)


def sound(hertz: float, seconds: float = 1.0) -> Any:
    times = np.arange(round(16_000 * seconds)) / 16_000
    return load_audio((0.5 * np.sin(2 * np.pi * hertz * times), 16_000))


@pytest.fixture(scope="class")
def vl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tiny.qwen_vl(tmp_path_factory.mktemp("vl"))) as found:
        yield found


@pytest.fixture(scope="class")
def omni(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tiny.qwen_omni(tmp_path_factory.mktemp("omni"))) as found:
        yield found


@pytest.fixture(scope="class")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tiny.llama(tmp_path_factory.mktemp("llama"))
    add_encoder(folder)
    with running(folder) as found:
        yield found


class TestQwenVl:
    """Several pictures and videos, in a Qwen2.5-VL."""

    def test_each_picture_takes_its_tokens(self, vl: Running) -> None:
        red, wide = picture("red"), picture("blue", (84, 56))
        assert vl.added_tokens(red) == 4 - 1
        assert vl.added_tokens(red, wide, red) == (4 - 1) + (6 - 1) + (4 - 1)

    def test_pictures_and_their_order_change_what_is_likely(self, vl: Running) -> None:
        red, blue = picture("red"), picture("blue")
        assert difference(vl.likely(red, blue), vl.likely(red, blue)) < 1e-4
        assert difference(vl.likely(red, blue), vl.likely(red, red)) > 1e-3
        assert difference(vl.likely(red, blue), vl.likely(blue, red)) > 1e-3

    def test_video_takes_a_token_for_two_frames_of_four_patches(self, vl: Running) -> None:
        assert vl.added_tokens(video("red", "blue")) == 4 - 1
        assert vl.added_tokens(video("red", "blue", "lime", "white")) == 8 - 1
        assert vl.added_tokens(video("red", "blue", "lime")) == 8 - 1, "the last frame is repeated"

    def test_frames_and_their_rate_change_what_is_likely(self, vl: Running) -> None:
        slow = video("red", "blue", "lime", "white", fps=1.0)
        turned = video("white", "lime", "blue", "red", fps=1.0)
        fast = video("red", "blue", "lime", "white", fps=4.0)
        assert difference(vl.likely(slow), vl.likely(turned)) > 1e-3
        assert difference(vl.likely(slow), vl.likely(fast)) > 1e-4, "a rate is part of a video"

    def test_pictures_and_videos_go_together(self, vl: Running) -> None:
        parts = (picture("red"), video("red", "blue"), video("lime", "blue", fps=3.0))
        assert vl.added_tokens(*parts) == (4 - 1) + (4 - 1) + (4 - 1)

    def test_shared_video_is_processed_once(self, vl: Running) -> None:
        shared = video("olive", "navy", "teal", "gray")
        vl.prompt_tokens(shared)
        before = vllm_counter("vllm:mm_cache_hits")
        vl.prompt_tokens(shared, Segment("Once more.", trusted=False))
        assert vllm_counter("vllm:mm_cache_hits") - before == 1

    def test_request_with_pictures_and_a_video_is_judged(self, vl: Running) -> None:
        question = (picture("red"), video("red", "blue"), "What is shown?")
        request = JudgeRequest(question, (Candidate("Red.", media=(picture("lime"),)),), RUBRIC)
        outcome = vl.judge_once(request)
        assert outcome.reason is Reason.TRUNCATED
        assert outcome.usage.completion_tokens == 8

    def test_what_the_model_cannot_hear_is_refused_and_the_engine_lives(self, vl: Running) -> None:
        outcome = vl.judge_once(JudgeRequest((sound(440), "?"), (Candidate("A."),), RUBRIC))
        assert outcome.reason in {Reason.ENGINE_ERROR, Reason.BAD_REQUEST}
        assert vl.prompt_tokens(picture("red")) > 0


class TestQwenOmni:
    """Text, pictures, videos and recordings, in the thinker of a Qwen2.5-Omni."""

    def test_recording_takes_twenty_five_tokens_a_second(self, omni: Running) -> None:
        assert omni.added_tokens(sound(440, 1.0)) == 25 - 1
        assert omni.added_tokens(sound(440, 2.0), sound(200, 1.0)) == (50 - 1) + (25 - 1)

    def test_sound_changes_what_is_likely(self, omni: Running) -> None:
        low, high = omni.likely(sound(200)), omni.likely(sound(2000))
        assert difference(low, omni.likely(sound(200))) < 1e-4
        assert difference(low, high) > 1e-3

    def test_picture_changes_what_is_likely(self, omni: Running) -> None:
        assert omni.added_tokens(picture("red")) == 4 - 1
        assert difference(omni.likely(picture("red")), omni.likely(picture("blue"))) > 1e-3

    def test_frames_and_their_rate_change_what_is_likely(self, omni: Running) -> None:
        slow = video("red", "blue", "lime", "white", fps=1.0)
        fast = video("red", "blue", "lime", "white", fps=4.0)
        turned = video("white", "lime", "blue", "red", fps=1.0)
        assert omni.added_tokens(slow) == 2 * OMNI_FRAMES - 1
        assert difference(omni.likely(slow), omni.likely(turned)) > 1e-3
        assert difference(omni.likely(slow), omni.likely(fast)) > 1e-4

    def test_all_at_once(self, omni: Running) -> None:
        parts = (sound(440), picture("red"), video("red", "blue"), Segment("so", trusted=False))
        assert omni.added_tokens(*parts) == (25 - 1) + (4 - 1) + (OMNI_FRAMES - 1)

    def test_shared_recording_is_processed_once(self, omni: Running) -> None:
        shared = sound(777)
        omni.prompt_tokens(shared)
        before = vllm_counter("vllm:mm_cache_hits")
        omni.prompt_tokens(shared, Segment("Once more.", trusted=False))
        assert vllm_counter("vllm:mm_cache_hits") - before == 1

    def test_request_with_a_recording_and_one_of_text_are_judged(self, omni: Running) -> None:
        heard = JudgeRequest((sound(440), "What is heard?"), (Candidate("A tone."),), RUBRIC)
        read = JudgeRequest(("What is one and one?",), (Candidate("Two."),), RUBRIC)
        for request in (heard, read):
            assert omni.judge_once(request).reason is Reason.TRUNCATED


class TestLlama:
    """Text, and molecules by prompt embeddings, in a Llama."""

    def test_molecule_takes_its_slots(self, llama: Running) -> None:
        without = llama.prompt_tokens(Segment("m", trusted=False))
        assert llama.prompt_tokens(Segment("m", trusted=False), MoleculeSlot("CCO")) == (
            without + SLOTS
        )

    def test_embeddings_of_tokens_are_read_as_those_tokens(self, llama: Running) -> None:
        """The encoder shows a molecule without rings as the embeddings of known tokens."""
        around = Segment("m", trusted=True), Segment("n", trusted=True)
        shown = llama.likely(around[0], MoleculeSlot("CCO"), around[1])
        spelled = llama.likely(around[0], Segment("abc", trusted=False), around[1])
        assert shown.keys() == spelled.keys()
        assert difference(shown, spelled) < 1e-4

    def test_embeddings_change_what_is_likely(self, llama: Running) -> None:
        chain, ring = llama.likely(MoleculeSlot("CCO")), llama.likely(MoleculeSlot("C1CC1"))
        assert difference(chain, ring) > 1e-3

    def test_prompts_with_and_without_embeddings_do_not_mix(self, llama: Running) -> None:
        prompts = [
            asked(MoleculeSlot("C1CC1")),
            asked(Segment("C1CC1", trusted=False)),
            asked(MoleculeSlot("CCO"), Segment("and", trusted=True), MoleculeSlot("C1CC1")),
            asked(MoleculeSlot("c1ccc2ccccc2c1")),
        ]
        engine = llama.judge.engine
        alone = [llama.run(engine.next_tokens(prompt)) for prompt in prompts]

        async def together() -> list[tuple[NextToken, ...]]:
            return list(await asyncio.gather(*(engine.next_tokens(prompt) for prompt in prompts)))

        for one, other in zip(alone, llama.run(together()), strict=True):
            gap = difference({t.text: t.logprob for t in one}, {t.text: t.logprob for t in other})
            assert gap < 1e-3

    def test_molecules_are_judged_and_invalid_ones_stand_in_words(self, llama: Running) -> None:
        rubric = load_rubric("molecule")
        for smiles in ("CCO", "C1CC1", "C1CC"):
            request = JudgeRequest(("A ring.",), (Candidate(molecule=smiles),), rubric)
            assert llama.judge_once(request).reason is Reason.TRUNCATED

    def test_invalid_molecule_and_media_are_refused_and_the_engine_lives(
        self, llama: Running
    ) -> None:
        for parts in ((MoleculeSlot("C1CC"),), (MoleculeSlot("CCO"), picture("red"))):
            with pytest.raises(EngineError):
                llama.likely(*parts)
        assert llama.likely(MoleculeSlot("CCO"))

    def test_fingerprint_tells_the_encoder(self, llama: Running) -> None:
        assert "fingerprint/" in llama.judge.engine.identity

    def test_encoder_of_another_width_is_refused_before_vllm_starts(self, tmp_path: Path) -> None:
        weights = {"hidden_bias": np.zeros(1, np.float32)}
        encoder = FingerprintEncoder(SLOTS, tiny.HIDDEN + 1, "too-wide", weights)
        engine = VllmEngine(str(tiny.llama(tmp_path)), molecule_encoder=encoder)
        with pytest.raises(EngineError, match="of width 65, the model's are of width 64"):
            asyncio.run(engine.start())


def add_encoder(folder: Path) -> None:
    """Gives the judge an encoder that shows a molecule as the tokens a, b, c; of a ring, moved."""
    from safetensors.numpy import load_file, save_file
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    table = load_file(folder / "model.safetensors")["model.embed_tokens.weight"]
    rows = table[tokenizer.convert_tokens_to_ids(["a", "b", "c"])].astype(np.float32)
    rings = np.zeros((1, FEATURES), np.float32)
    before = sum(len(LEVELS[name]) for name in PROPERTIES[: PROPERTIES.index("rings")])
    rings[0, BITS + before : BITS + before + len(LEVELS["rings"])] = LEVELS["rings"]
    moved = np.random.default_rng(0).normal(0, 0.1, (rows.size, 1)).astype(np.float32)
    (folder / "encoder").mkdir()
    save_file(
        {
            "mean": np.zeros(FEATURES, np.float32),
            "scale": np.ones(FEATURES, np.float32),
            "hidden_weight": rings,
            "hidden_bias": np.zeros(1, np.float32),
            "output_weight": moved,
            "output_bias": rows.reshape(-1),
        },
        folder / "encoder" / "model.safetensors",
    )
    toml = (folder / "judge.toml").read_text()
    shown = toml.replace("[judge]", '[judge]\nmolecules = "embeddings"', 1)
    named = f'kind = "fingerprint"\nfile = "encoder/model.safetensors"\nslots = {SLOTS}\n'
    (folder / "judge.toml").write_text(f"{shown}\n[molecule_encoder]\n{named}")
