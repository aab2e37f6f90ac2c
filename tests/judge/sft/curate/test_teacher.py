"""The teacher's replies: asked seed by seed, written down in order, gone on with after a kill."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from judge import Judge, RequestError, open_judge
from judge.engines import ScriptedEngine
from judge.profile import Decoding
from judge.sft.curate.funnel import Funnel
from judge.sft.curate.journal import Answers, TeacherReply, begin_journal, read_answers
from judge.sft.curate.keep import keep_agreeing
from judge.sft.curate.lengths import estimate_tokens
from judge.sft.curate.teacher import agrees, ask_teacher
from judge.types import Completion, Prompt
from tests.judge.sft.curate.pairs import pairs_of, plan, raw_pairs, raw_row, teacher

RUN = {"teacher": "abc", "seeds": 3}


def reply(first: int, second: int, reasoning: str = "fine") -> str:
    answers = f"<answer>{first}</answer><answer>{second}</answer>"
    return f"<think>\n{reasoning}\n</think>\n{answers}"


class SeededEngine(ScriptedEngine):
    """Answers by the seed; of what it is asked it keeps the decoding."""

    def __init__(self, replies: dict[int, str]) -> None:
        super().__init__(lambda prompt: "")
        self.replies = replies
        self.asked: list[Decoding] = []

    async def generate(self, prompt: Prompt, decoding: Decoding) -> Completion:
        if not prompt.begun:
            self.asked.append(decoding)
        return Completion(self.replies[decoding.seed].removeprefix(prompt.begun), "end")


async def ask(
    replies: dict[int, str], folder: Path, decoding: dict[str, Any] | None = None, **values: Any
) -> tuple[Answers, SeededEngine]:
    """The replies to one pair, whose reference scores are 4 and 2."""
    engine = SeededEngine(replies)
    judge = Judge(open_judge(folder, **{"temperature": 0.1, **(decoding or {})}), engine)
    pairs = pairs_of(folder.parent / "in.jsonl", [{**raw_row(3), "score": [4, 2]}])
    await ask_teacher(judge, pairs, plan("", **values), folder.parent / "teacher.jsonl")
    (answers,) = read_answers(folder.parent / "teacher.jsonl")
    return answers, engine


async def test_seeds_are_asked_in_order_until_one_agrees(judge_folder: Path) -> None:
    replies = {7: reply(5, 2), 8: "no tags", 9: reply(4, 2, "good"), 10: reply(4, 2, "late")}
    answers, engine = await ask(replies, judge_folder, {"seed": 7}, seeds=4)
    assert answers == (
        TeacherReply(7, (5.0, 2.0), "fine"),
        TeacherReply(8, reason="no_answer", detail="no <answer>…</answer> after the reasoning"),
        TeacherReply(9, (4.0, 2.0), "good"),
    )
    assert [decoding.temperature for decoding in engine.asked] == [0.1] * 3


async def test_at_temperature_zero_there_is_one_seed(judge_folder: Path) -> None:
    answers, _ = await ask({0: reply(5, 2)}, judge_folder, {"temperature": 0.0}, seeds=3)
    assert [each.seed for each in answers] == [0]


async def test_the_order_may_be_enough(judge_folder: Path) -> None:
    replies = {0: reply(2, 4), 1: reply(3, 3), 2: reply(9, 1)}
    answers, _ = await ask(replies, judge_folder, agree="order")
    assert answers[-1].scores == (9.0, 1.0)


async def test_replies_without_reasoning_or_with_tags_in_it_are_of_no_use(
    judge_folder: Path,
) -> None:
    replies = {
        0: "<answer>4</answer><answer>2</answer>",
        1: reply(4, 2, "as <answer>4</answer>"),
        2: reply(4, 2, "\ud800 odd"),
    }
    answers, _ = await ask(replies, judge_folder)
    assert [each.reason for each in answers] == ["no_reasoning", "tag_in_reasoning", ""]
    assert answers[2].reasoning == "\\ud800 odd"


async def test_a_teacher_asks_as_its_seeds_say_and_not_by_its_votes(judge_folder: Path) -> None:
    own = {"temperature": 0.5, "votes": 5, "both_orders": True, "reasks": 3}
    _, engine = await ask(dict.fromkeys(range(9), "no tags"), judge_folder, own, seeds=2)
    assert [decoding.seed for decoding in engine.asked] == [0, 1]


async def test_a_teacher_has_to_compare(judge_folder: Path) -> None:
    judge = Judge(open_judge("nano"), ScriptedEngine(lambda prompt: ""))
    pairs = pairs_of(judge_folder.parent / "in.jsonl", raw_pairs(1))
    with pytest.raises(RequestError, match=r"'nano-judge' has no \[protocols.pairwise\]"):
        await ask_teacher(judge, pairs, plan(""), judge_folder.parent / "teacher.jsonl")


@pytest.mark.parametrize(
    ("said", "exact", "order"),
    [((7, 3), True, True), ((9, 1), False, True), ((3, 7), False, False), ((3, 3), False, False)],
)
def test_agreement(said: tuple[int, int], exact: bool, order: bool, tmp_path: Path) -> None:
    (pair,) = pairs_of(tmp_path / "in.jsonl", [{**raw_row(1), "score": [7, 3]}])
    answer = TeacherReply(0, (float(said[0]), float(said[1])), "fine")
    assert agrees(answer, pair, "exact") == exact
    assert agrees(answer, pair, "order") == order
    assert not agrees(TeacherReply(0, reason="truncated"), pair, "order")


async def test_what_is_kept_and_what_is_dropped_is_counted(judge_folder: Path) -> None:
    judge, _ = teacher(judge_folder)
    pairs = pairs_of(judge_folder.parent / "in.jsonl", raw_pairs(14))
    await ask_teacher(judge, pairs, plan(""), judge_folder.parent / "teacher.jsonl")
    funnel = Funnel()
    kept = keep_agreeing(
        pairs, judge_folder.parent / "teacher.jsonl", "exact", estimate_tokens, funnel
    )
    (stage,) = funnel.stages
    assert stage.dropped == {"disagrees": 2, "unread: no_answer": 2}
    assert stage.noted == {"replies: read": 18, "replies: no_answer": 6}
    assert stage.examples["disagrees"][0] == "7: 8/10, got 9/10 9/10 9/10"
    assert [each.pair.id for each in kept] == [
        str(number) for number in range(1, 15) if number % 7 > 1
    ]
    assert kept[0].scores == kept[0].pair.scores


@pytest.mark.parametrize("kept", [0, 5, 60, 400, 1000])
async def test_a_torn_journal_is_gone_on_with(kept: int, judge_folder: Path) -> None:
    pairs = pairs_of(judge_folder.parent / "in.jsonl", raw_pairs(12))
    journal = judge_folder.parent / "teacher.jsonl"
    await ask_teacher(teacher(judge_folder)[0], pairs, plan(""), journal)
    whole = journal.read_bytes()
    journal.write_bytes(whole[:kept])
    judge, engine = teacher(judge_folder)
    await ask_teacher(judge, pairs, plan(""), journal, resume=True)
    assert journal.read_bytes() == whole
    asked = {re.findall(r"number (\d+) about", str(prompt))[0] for prompt in engine.prompts}
    done = max(0, whole[:kept].count(b"\n") - 1)
    assert asked == {pair.id for pair in pairs[done:]}


async def test_a_journal_of_another_run_is_refused(judge_folder: Path) -> None:
    pairs = pairs_of(judge_folder.parent / "in.jsonl", raw_pairs(3))
    journal = judge_folder.parent / "teacher.jsonl"
    await ask_teacher(teacher(judge_folder)[0], pairs, plan(""), journal)
    with pytest.raises(RequestError, match="go on with it by --resume"):
        await ask_teacher(teacher(judge_folder)[0], pairs, plan(""), journal)
    other, _ = teacher(judge_folder, temperature=0.2)
    for judge, rows, values, named in (
        (other, pairs, {}, "teacher"),
        (teacher(judge_folder)[0], pairs[:2], {}, "pairs"),
        (teacher(judge_folder)[0], pairs, {"seeds": 2}, "seeds 3 .now 2."),
        (teacher(judge_folder)[0], pairs, {"agree": "order"}, "agree 'exact' .now 'order'."),
    ):
        with pytest.raises(RequestError, match=f"is of another run, its {named}"):
            await ask_teacher(judge, rows, plan("", **values), journal, resume=True)
    await ask_teacher(teacher(judge_folder)[0], pairs, plan("", singles=3), journal, resume=True)


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    notes = tmp_path / "teacher.jsonl"
    notes.write_text("my own notes\n")
    with pytest.raises(RequestError, match="holds no teacher's replies"):
        begin_journal(notes, RUN, resume=True)
    assert notes.read_text() == "my own notes\n"


def test_a_header_torn_by_a_kill_is_written_again(tmp_path: Path) -> None:
    journal = tmp_path / "deep" / "teacher.jsonl"
    assert begin_journal(journal, RUN, resume=False) == 0
    header = journal.read_bytes()
    assert json.loads(header) == {"teacher_run": RUN}
    for kept in (0, 1, len(header) - 1):
        journal.write_bytes(header[:kept])
        assert begin_journal(journal, RUN, resume=True) == 0
        assert journal.read_bytes() == header
