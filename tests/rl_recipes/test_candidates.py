"""Answers kept in shards: what is not sampled again, and what is tried again."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from datasets import Dataset

from judge.engines import ScriptedEngine
from judge.errors import EngineError
from judge.folder import Decoding
from judge.types import Completion, Prompt
from reward.offline.sampling import Sampling, open_policy
from rl_recipes.candidates import sample_answers

ROWS = Dataset.from_dict({"prompt": [f"prompt {number}" for number in range(100)]})
SAMPLING = Sampling(4, (0.5, 1.0), max_tokens=8, common_random_numbers=True)


class SeededEngine(ScriptedEngine):
    """Writes its seed and temperature, at 1.0 without an end; some prompts it refuses."""

    def __init__(self, *refused: str) -> None:
        super().__init__(lambda _: "")
        self.asked = 0
        self._refused = refused

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        self.asked += 1
        (part,) = prompt.messages[-1].parts
        if getattr(part, "text", "") in self._refused:
            raise EngineError("too long")
        finish = "length" if decoding.temperature == 1.0 else "end"
        return Completion(f"{decoding.seed}", finish)


def test_answers_at_each_temperature_by_the_same_random_numbers(tmp_path: Path) -> None:
    found = sample_answers(ROWS, SAMPLING, SeededEngine, tmp_path)
    assert len(found) == 100
    for answers in found:
        assert [each.temperature for each in answers] == [0.5, 1.0, 0.5, 1.0]
        assert [each.is_whole for each in answers] == [True, False, True, False]
        texts = [each.text for each in answers]
        assert texts[:2] == texts[::2][:1] * 2
        assert texts[2:] == texts[2::2][:1] * 2
    assert len({answers[place].text for answers in found for place in (0, 2)}) == 200


def test_answers_that_are_there_are_not_sampled_again(tmp_path: Path) -> None:
    found = sample_answers(ROWS, SAMPLING, SeededEngine, tmp_path)
    again = SeededEngine()
    assert sample_answers(ROWS, SAMPLING, lambda: again, tmp_path) == found
    assert again.asked == 0
    (tmp_path / "000001.jsonl").unlink()  # as a kill leaves it
    (tmp_path / "000001.77.part").write_text('{"row": 64, "te')
    assert sample_answers(ROWS, SAMPLING, lambda: again, tmp_path) == found
    assert again.asked == 4 * (100 - 64)
    assert not list(tmp_path.glob("*.part"))


def test_a_row_that_is_refused_has_no_answers_and_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refusing = SeededEngine("prompt 7", "prompt 70")
    found = sample_answers(ROWS, SAMPLING, lambda: refusing, tmp_path)
    assert [number for number, answers in enumerate(found) if not answers] == [7, 70]
    told = "2 of 100 rows could not be put to the policy, the first of them row 8: the policy: too"
    assert told in caplog.text
    willing = SeededEngine()
    again = sample_answers(ROWS, SAMPLING, lambda: willing, tmp_path)
    assert willing.asked == 8
    assert all(again)
    assert [each for each in again if each in found] == [each for each in found if each]


@pytest.mark.engine
def test_an_engine_that_does_not_start_says_so(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "config.json").write_text("{}")
    make_engine = partial(open_policy, str(tmp_path / "weights"), "vllm")
    with pytest.raises(EngineError, match="vLLM could not load"):
        sample_answers(ROWS, SAMPLING, make_engine, tmp_path / "answers")
