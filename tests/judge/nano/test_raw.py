"""Raw pairs of the synthetic world: JudgeLM's columns, exact scores, every kind of answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from judge.cli import main
from judge.molecules import molecule_text
from judge.nano.raw import write_raw_pairs
from judge.nano.reading import read_card, read_scene, read_wish
from judge.nano.reasoning import compare_caption, compare_wish
from judge.nano.tasks import CAPTION_INSTRUCTION

COUNT = 400


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    path = tmp_path_factory.mktemp("raw") / "deep" / "raw.jsonl"
    write_raw_pairs(path, COUNT, seed=0)
    assert [each.name for each in path.parent.iterdir()] == ["raw.jsonl"]
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_have_judgelms_columns(rows: list[dict[str, Any]]) -> None:
    assert [row["question_id"] for row in rows] == list(range(COUNT))
    for row in rows:
        answer = {"captioning": "body", "molecule": "molecule"}[row["rubric"]]
        columns = {"question_id", "question_body", "score", "rubric"}
        assert row.keys() == columns | {f"answer1_{answer}", f"answer2_{answer}"}


def test_scores_are_exact(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        question = row["question_body"]
        for place, score in enumerate(row["score"], start=1):
            if row["rubric"] == "captioning":
                scene = read_scene(question.removesuffix(f"\n{CAPTION_INSTRUCTION}"))
                checks = compare_caption(scene, row[f"answer{place}_body"])
            else:
                card = read_card(molecule_text(row[f"answer{place}_molecule"]))
                checks = compare_wish(read_wish(question), card)
            assert score == checks.score(1, 10)


def test_all_kinds_and_scores_are_there(rows: list[dict[str, Any]]) -> None:
    molecules = [row for row in rows if row["rubric"] == "molecule"]
    captions = [row for row in rows if row["rubric"] == "captioning"]
    assert 0.2 < len(molecules) / COUNT < 0.4
    for place in (0, 1):
        assert {row["score"][place] for row in captions} == set(range(1, 11))
        invalid = [
            read_card(molecule_text(row[f"answer{place + 1}_molecule"])) is None
            for row in molecules
        ]
        assert 0 < sum(invalid) < len(invalid) / 2
        texts = {row[f"answer{place + 1}_body"] for row in captions}
        assert {"", "i do not know."} & texts, "captions that say nothing"


def test_the_seed_decides(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    for name, seed in (("same", 0), ("other", 1)):
        write_raw_pairs(tmp_path / name, 20, seed)
    lines = [json.dumps(row) for row in rows[:20]]
    assert (tmp_path / "same").read_text().splitlines() == lines
    assert (tmp_path / "other").read_text().splitlines() != lines


def test_the_command_writes_them_and_says_how_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "raw.jsonl"
    assert main(["nano", "raw", "--out", str(out), "--pairs", "5"]) == 0
    assert json.loads(capsys.readouterr().out) == {"out": str(out), "pairs": 5}
    assert len(out.read_text().splitlines()) == 5
