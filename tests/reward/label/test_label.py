"""From rows to a preference dataset in a folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset, load_from_disk
from PIL import Image as Pillow

from judge import RequestError, load_rubric
from reward.label.hub import push_to_hub
from reward.label.label import LabelPlan, LabelReport, label
from reward.label.pairs import Drop, PairRules
from tests.reward.offline.scripted import (
    plan_of,
    ring_judge,
    scored_rows,
    scripted_judge,
    write_table,
)

MESSAGES = [{"role": "user", "content": "Which?"}]


async def labelled(folder: Path, rows: list[dict[str, Any]], **fields: Any) -> LabelReport:
    protocol = fields.pop("protocol", "pairwise")
    source = write_table(folder / "rows.jsonl", rows)
    job = plan_of(source, folder / "job", protocol)
    return await label(LabelPlan(job, **fields), scripted_judge)


def read(report: LabelReport, **options: Any) -> list[dict[str, Any]]:
    if report.data.is_dir():
        return list(load_from_disk(str(report.data)))
    kind = report.data.suffix.removeprefix(".").replace("jsonl", "json")
    cache = str(report.data.parent / "cache")
    return list(load_dataset(kind, data_files=str(report.data), split="train", cache_dir=cache))


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "datasets"])
async def test_a_pair_has_the_columns_that_the_docs_name(tmp_path: Path, kind: Any) -> None:
    rows = [{"id": "a", "prompt": "Q?", "completions": ["score=3 x", "score=8", "score=8"]}]
    report = await labelled(tmp_path, rows, kind=kind)
    (pair,) = read(report)
    assert pair == {
        "id": "a",
        "prompt": "Q?",
        "chosen": "score=8",
        "rejected": "score=3 x",
        "chosen_score": 8.0,
        "rejected_score": 3.0,
        "margin": 5.0,
        "order_consistent": True,
        "candidates": ["score=3 x", "score=8", "score=8"],
        "scores": [[3.0, 3.0], [8.0, 8.0], [8.0, 8.0]],
        "raw_judge": [
            "<think>\nAs they say.\n</think>\n<answer>3</answer><answer>8</answer>",
            "<think>\nAs they say.\n</think>\n<answer>8</answer><answer>3</answer>",
        ],
        "parse_ok": [True, True],
        "reason": None,
        "protocol": "pairwise",
        "rubric": "helpfulness-" + pair["rubric"][-8:],
        "judge_model": "flex-vl",
        "judge_fingerprint": scripted_judge().fingerprint,
    }


async def test_pictures_are_embedded_and_prompts_become_messages(tmp_path: Path) -> None:
    Pillow.new("RGB", (30, 20), "red").save(tmp_path / "red.png")
    rows = [
        {
            "prompt": "What is it?",
            "image": str(tmp_path / "red.png"),
            "completions": ["score=9", "score=2"],
        },
        {
            "prompt": MESSAGES,
            "completions": [[{"role": "assistant", "content": "score=4"}], "score=5"],
        },
    ]
    report = await labelled(tmp_path, rows)
    (tmp_path / "red.png").unlink()
    first, second = read(report)
    assert first["images"][0].size == (30, 20)
    assert first["prompt"] == [{"role": "user", "content": "What is it?"}]
    assert first["chosen"] == [{"role": "assistant", "content": "score=9"}]
    assert (second["images"], second["prompt"]) == ([], MESSAGES)
    assert second["chosen"] == [{"role": "assistant", "content": "score=5"}]


async def test_json_lines_hold_pictures_that_can_be_judged_again(tmp_path: Path) -> None:
    Pillow.new("RGB", (30, 20), "red").save(tmp_path / "red.png")
    row = {"prompt": "?", "image": str(tmp_path / "red.png"), "completions": ["score=9", "score=2"]}
    report = await labelled(tmp_path, [row], kind="jsonl")
    source = report.data.rename(tmp_path / "again.jsonl")
    again = await label(
        LabelPlan(plan_of(source, tmp_path / "second"), kind="jsonl"), scripted_judge
    )
    assert again.tally.kept == 1


async def test_rows_may_name_their_own_rubrics(tmp_path: Path) -> None:
    candidates = {"prompt": "?", "completions": ["score=9", "score=2"]}
    rows = [{**candidates, "rubric": name} for name in ("helpfulness", "captioning")]
    source = write_table(tmp_path / "rows.jsonl", rows)
    job = plan_of(source, tmp_path / "job", rubric=None)
    found = [pair["rubric"] for pair in read(await label(LabelPlan(job), scripted_judge))]
    assert found == [load_rubric(row["rubric"]).fingerprint() for row in rows]


async def test_a_preference_set_is_labelled_anew(tmp_path: Path) -> None:
    shared = [{"role": "user", "content": "Q?"}]
    row = {
        "chosen": [*shared, {"role": "assistant", "content": "score=2"}],
        "rejected": [*shared, {"role": "assistant", "content": "score=9"}],
    }
    (pair,) = read(await labelled(tmp_path, [row]))
    assert pair["prompt"] == shared
    assert pair["chosen"] == [{"role": "assistant", "content": "score=9"}]


async def test_molecules_are_written_as_their_smiles(tmp_path: Path) -> None:
    row = {"prompt": "Make one.", "molecules": ["CCO", "c1ccccc1"]}
    source = write_table(tmp_path / "rows.jsonl", [row])
    job = plan_of(source, tmp_path / "job", "pointwise", rubric=load_rubric("molecule"))

    (pair,) = read(await label(LabelPlan(job), ring_judge))
    assert (pair["chosen"], pair["rejected"]) == ("c1ccccc1", "CCO")


async def test_the_report_counts_every_row_and_every_pair(tmp_path: Path) -> None:
    report = await labelled(tmp_path, scored_rows(21))
    tally = report.tally
    written = json.loads((report.data.parent / "report.json").read_text())
    unjudged = (report.data.parent / "unjudged.jsonl").read_text().splitlines()
    assert (tally.rows, tally.judged, len(unjudged)) == (21, 18, 3)
    assert written["judged_share"] == 18 / 21
    assert not report.is_enough
    assert tally.kept + tally.dropped.total() == 21
    assert tally.dropped == {Drop.UNJUDGED: 3, Drop.TIE: 18 - tally.kept}
    assert json.loads(unjudged[0])["id"] == "row-6"
    assert json.loads(unjudged[0])["failures"][0]["reply"] == "I would rather not say."
    assert (written["position_flip_rate"], written["first_preferred"]) == (0.0, 0.5)


async def test_a_judge_that_leans_to_the_first_shows_in_the_report(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"{number} lean", "completions": ["score=5", f"score={4 + number % 2 * 4}"]}
        for number in range(8)
    ]
    report = await labelled(tmp_path, rows)
    figures = report.tally.to_json()
    assert figures["position_flip_rate"] == 0.5
    assert figures["dropped"] == {"preference changed with the order": 4}
    assert figures["first_preferred"] == 0.75


async def test_length_balance_takes_the_length_out_of_the_pairs(tmp_path: Path) -> None:
    report = await labelled(tmp_path, scored_rows(60), length_balanced=True)
    figures = report.tally.to_json()
    assert figures["longer_chosen"] > 0.55
    assert figures["longer_chosen_written"] == 0.5
    assert report.tally.dropped[Drop.LENGTH] > 0
    assert len(read(report)) == report.tally.kept


async def test_other_rules_on_a_finished_job_ask_nothing(tmp_path: Path) -> None:
    await labelled(tmp_path, scored_rows(20))
    plan = plan_of(tmp_path / "rows.jsonl", tmp_path / "job")
    log = tmp_path / "asked"
    report = await label(LabelPlan(plan, PairRules(min_margin=4)), lambda: scripted_judge(log=log))
    assert not log.exists()
    assert {each["margin"] >= 4 for each in read(report)} == {True}


async def test_the_card_tells_how_the_data_were_made_and_loads_them(tmp_path: Path) -> None:
    report = await labelled(tmp_path, scored_rows(20), min_judged=0.0)
    card = (report.data.parent / "README.md").read_text()
    for told in (
        scripted_judge().fingerprint,
        "helpfulness-",
        f"| {report.tally.kept} |",
        '"both_orders": true',
    ):
        assert told in card
    folder = load_dataset(str(report.data.parent), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(folder) == report.tally.kept


async def test_candidates_that_are_pictures_are_told_apart(tmp_path: Path) -> None:
    report = await labelled(tmp_path, [{"prompt": "?", "candidate_images": ["a.png", "b.png"]}])
    assert report.tally.reasons == {"bad_request": 1}
    assert "no place in TRL" in (report.data.parent / "unjudged.jsonl").read_text()


async def test_a_share_outside_its_range_is_refused(tmp_path: Path) -> None:
    job = plan_of(tmp_path / "rows.jsonl", tmp_path / "job")
    with pytest.raises(RequestError, match=r"in \[0, 1\]"):
        LabelPlan(job, min_judged=90)


async def test_a_hub_that_cannot_be_reached_costs_no_data(tmp_path: Path) -> None:
    report = await labelled(tmp_path, scored_rows(3), min_judged=0.0)
    with pytest.raises(RequestError, match="is whole and could not be put on the hub"):
        push_to_hub(report.data.parent, "someone/pairs")
    assert report.data.exists()


async def test_the_same_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    reports = []
    for name in ("one", "two"):
        source = write_table(tmp_path / "rows.jsonl", scored_rows(20))
        plan = LabelPlan(plan_of(source, tmp_path / name / "job"), kind="datasets")
        reports.append(await label(plan, scripted_judge))
    first, second = (
        {
            path.relative_to(report.data.parent): path.read_bytes()
            for path in sorted(report.data.parent.rglob("*"))
            if path.is_file() and "verdicts.db" not in path.name
        }
        for report in reports
    )
    assert first == second
    assert replace(reports[0], data=reports[1].data) == reports[1]
