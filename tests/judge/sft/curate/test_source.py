"""Raw rows in many shapes, and what is wrong with the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from judge import RequestError
from judge.sft.curate.funnel import Funnel
from judge.sft.curate.source import Columns, RawPair, digest, read_pairs
from tests.judge.sft.curate.pairs import pairs_of, raw_pairs, raw_row, write_jsonl

Read = Callable[..., tuple[list[RawPair], Funnel]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads rows from a file of JSON lines: the pairs, and what was counted."""

    def read_rows(
        rows: list[Any], rubric: str = "helpfulness", limit: int | None = None, **columns: str
    ) -> tuple[list[RawPair], Funnel]:
        funnel = Funnel()
        source = write_jsonl(tmp_path / "in.jsonl", rows)
        return read_pairs(source, Columns(**columns), rubric, limit, funnel), funnel

    return read_rows


def test_a_row_is_a_question_two_answers_and_two_scores(read: Read) -> None:
    (pair,), _ = read([raw_row(3)])
    assert pair == RawPair(
        id="3",
        question="What is number 3 about, and why?",
        answers=("It is about topic 3.", "Nobody can say for number 3!"),
        are_molecules=False,
        scores=(4.0, 2.0),
        rubric="helpfulness",
        reference=None,
    )
    assert pair.request(1) == {
        "prompt": pair.question,
        "completions": ["Nobody can say for number 3!"],
    }


@pytest.mark.parametrize("score", [[7, 3], [7.0, 3.0], ["7", "3"], "7 3", "7,3", "[7, 3]", "7\n3"])
def test_scores_are_a_list_or_a_text_of_two_numbers(score: Any, read: Read) -> None:
    (pair,), _ = read([{**raw_row(1), "score": score}])
    assert pair.scores == (7.0, 3.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"question_body": None}, "no question_body"),
        ({"question_body": "  "}, "question_body is empty"),
        ({"answer2_body": ["a"]}, "answer2_body is no text"),
        ({"answer1_body": "\ud800"}, "answer1_body is no valid text"),
        ({"score": [7]}, "score is not two numbers"),
        ({"score": 7}, "score is not two numbers"),
        ({"score": "seven 3"}, "score: not_a_number"),
        ({"score": [True, 3]}, "score: not_a_number"),
        ({"score": [11, 3]}, "score: out_of_scale"),
        ({"rubric": "beauty"}, "unknown rubric"),
        ({"rubric": "molecule"}, "a text where the rubric judges molecules"),
    ],
)
def test_a_bad_row_is_counted_with_its_reason_and_the_others_go_on(
    change: dict[str, Any], reason: str, read: Read
) -> None:
    pairs, funnel = read([{**raw_row(1), **change}, raw_row(2)])
    assert [pair.id for pair in pairs] == ["2"]
    assert funnel.stages[0].dropped == {reason: 1}
    assert funnel.stages[0].examples[reason][0].startswith("row 1: ")
    assert (funnel.stages[0].entered, funnel.stages[0].left) == (2, 1)


def test_a_line_that_is_no_row_is_counted_too(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(f"{{broken\n[1]\n{json.dumps(raw_row(1))}\n")
    funnel = Funnel()
    assert len(read_pairs(str(path), Columns(), "helpfulness", None, funnel)) == 1
    assert funnel.stages[0].dropped == {"not a row": 2}


def test_the_same_question_and_answers_count_once_in_either_order(read: Read) -> None:
    one = raw_row(1)
    shouted = {name: each.upper() + " " for name, each in one.items() if isinstance(each, str)}
    swapped = {"answer1_body": one["answer2_body"], "answer2_body": one["answer1_body"]}
    pairs, funnel = read([one, {**one, **shouted}, {**one, **swapped}, raw_row(2)])
    assert [pair.id for pair in pairs] == ["1", "2"]
    assert funnel.stages[1].dropped == {"same question and answers": 2}


def test_names_are_unique_and_a_row_without_one_is_called_by_its_number(read: Read) -> None:
    rows: list[dict[str, Any]] = [raw_row(number) for number in (1, 2, 3)]
    rows[1]["question_id"] = 1
    del rows[2]["question_id"]
    pairs, _ = read(rows)
    assert [pair.id for pair in pairs] == ["1", "1~2", "row-3"]


def test_molecules_are_told_apart_by_their_case(read: Read) -> None:
    row = {"question_body": "q", "answer1_molecule": "CCO", "score": [7, 3]}
    rows = [{**row, "answer2_molecule": smiles} for smiles in ("c1ccccc1", "C1CCCCC1", "")]
    pairs, _ = read(rows, rubric="molecule")
    assert len(pairs) == 3
    assert pairs[0].request(0, 1)["molecules"] == ["CCO", "c1ccccc1"]


def test_columns_of_other_names(read: Read) -> None:
    row = {"q": "Why?", "a": "So.", "b": "No.", "s": "3 4", "gold": "Thus.", "rubric": "captioning"}
    (pair,), _ = read(
        [row], question="q", answer1="a", answer2="b", score="s", reference="gold", id=""
    )
    assert (pair.question, pair.answers, pair.scores) == ("Why?", ("So.", "No."), (3.0, 4.0))
    assert (pair.rubric, pair.id) == ("captioning", "row-1")
    assert pair.request(0)["reference"] == "Thus."


def test_parquet_is_read_and_a_limit_is_kept(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(raw_pairs(9)), tmp_path / "in.parquet")
    funnel = Funnel()
    pairs = read_pairs(str(tmp_path / "in.parquet"), Columns(), "helpfulness", 4, funnel)
    assert [pair.id for pair in pairs] == ["1", "2", "3", "4"]


def test_a_table_without_a_pair_says_what_its_rows_lack(read: Read) -> None:
    with pytest.raises(RequestError, match=r"2 rows were read; row 1: its columns are prompt"):
        read([{"prompt": "q"}, {"prompt": "r"}])
    with pytest.raises(RequestError, match="it is empty"):
        read([])


def test_the_digest_changes_with_any_pair_and_their_order(tmp_path: Path) -> None:
    rows = raw_pairs(3)
    same = digest(pairs_of(tmp_path / "a.jsonl", rows))
    assert digest(pairs_of(tmp_path / "a.jsonl", rows)) == same
    assert digest(pairs_of(tmp_path / "a.jsonl", rows[::-1])) != same
    assert digest(pairs_of(tmp_path / "a.jsonl", [*rows[:2], {**rows[2], "score": [1, 1]}])) != same
    assert digest(pairs_of(tmp_path / "a.jsonl", rows, rubric="captioning")) != same
