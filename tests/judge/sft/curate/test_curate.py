"""The whole way: from raw pairs to a folder that trains a judge, killed and gone on with."""

from __future__ import annotations

import asyncio
import json
import random
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from judge import RequestError
from judge.cli import main, make_parser
from judge.sft.curate.command import make_plan
from judge.sft.curate.curate import curate
from judge.sft.curate.lengths import estimate_tokens
from judge.sft.curate.plan import CuratePlan
from judge.sft.curate.report import CurateReport
from judge.sft.curate.single import cut_to_single
from judge.sft.samples import JudgingRow, read_rows
from tests.judge.sft.curate import pairs as here
from tests.judge.sft.curate.pairs import plan, raw_pairs, reasoning, teacher, write_jsonl

ROOT = Path(__file__).parents[4]
COUNT = 60
FILES = ("train.jsonl", "validation.jsonl", "README.md", "funnel.json", "lengths.png")
VALUES: dict[str, Any] = {"hard_negatives": 0.2, "validation_share": 0.2}


def make(folder: Path, out: Path, resume: bool = False, **values: Any) -> CurateReport:
    source = write_jsonl(out.parent / "in.jsonl", raw_pairs(COUNT))
    judge, _ = teacher(folder)
    return asyncio.run(curate(judge, plan(source, **{**VALUES, **values}), out, resume=resume))


def rows_of(out: Path) -> list[JudgingRow]:
    return [row for name in FILES[:2] for row in read_rows(out / name)]


def written(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in (*FILES, "teacher.jsonl")}


def test_rows_are_the_teachers_judgements_in_the_judges_prompts(
    judge_folder: Path, tmp_path: Path
) -> None:
    report = make(judge_folder, tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    kinds = [row.kind for row in rows]
    assert report.to_json() == {
        "train": len(list(read_rows(tmp_path / "out" / "train.jsonl"))),
        "validation": len(list(read_rows(tmp_path / "out" / "validation.jsonl"))),
        **{kind: kinds.count(kind) for kind in ("single", "pair", "hard")},
    }
    assert (kinds.count("single"), kinds.count("pair")) == (20, 20)
    assert kinds.count("hard") == pytest.approx(8, abs=2)
    assert len({row.id for row in rows}) == len(rows)
    for row in rows:
        row.check()
        number = int(row.id.partition("/")[0])
        thought = row.reply.partition("<think>\n")[2].partition("\n</think>")[0]
        divided = [-(-score // (10 / row.scale[1])) for score in here.scores(number)]
        if row.kind == "pair":
            assert thought == reasoning(number)
            assert list(row.scores) == divided
        elif row.kind == "single":
            place = int(row.id[-1])
            assert thought == cut_to_single(reasoning(number), place)  # type: ignore[arg-type]
            assert row.scores == (divided[place - 1],)
            answer = raw_pairs(COUNT)[number - 1][f"answer{place}_body"]
            assert row.request["completions"] == [answer]
        else:
            assert row.scores == (1,)


def test_about_half_of_the_rows_have_half_the_scale_and_both_answers_are_kept(
    judge_folder: Path, tmp_path: Path
) -> None:
    make(judge_folder, tmp_path / "out", hard_negatives=0.0)
    rows = rows_of(tmp_path / "out")
    assert [row.scale for row in rows].count((1, 5)) == 20
    singles = [row.id for row in rows if row.kind == "single"]
    assert {id[-1] for id in singles} == {"1", "2"}


def test_no_question_is_in_both_files(judge_folder: Path, tmp_path: Path) -> None:
    make(judge_folder, tmp_path / "out")
    train, validation = (
        {row.request["prompt"] for row in read_rows(tmp_path / "out" / name)} for name in FILES[:2]
    )
    assert train
    assert validation
    assert not train & validation


def test_the_pairs_are_the_longest_ones(judge_folder: Path, tmp_path: Path) -> None:
    sizes = {"pairs": 10, "singles": 0, "hard_negatives": 0.0}
    make(judge_folder, tmp_path / "out", diversity=False, **sizes)
    kept = [number for number in range(1, COUNT + 1) if number % 7 > 1]
    longest = sorted(kept, key=lambda number: -estimate_tokens(reasoning(number)))[:10]
    ids = {int(row.id.partition("/")[0]) for row in rows_of(tmp_path / "out")}
    assert ids == set(longest)


def test_funnel_card_and_picture_tell_what_was_done(judge_folder: Path, tmp_path: Path) -> None:
    report = make(judge_folder, tmp_path / "out")
    funnel = json.loads((tmp_path / "out" / "funnel.json").read_text())
    assert [stage["stage"] for stage in funnel["stages"]] == [
        *("read", "de-duplicate", "teacher agrees", "choose pairs", "cut to one answer"),
        *("choose singles", "halve", "hard negatives"),
    ]
    for stage in funnel["stages"]:
        assert stage["out"] == stage["in"] - sum(stage["dropped"].values()) + stage["added"]
    assert funnel["stages"][-1]["out"] == report.train + report.validation
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("---\npretty_name:")
    assert report.funnel.table() in card
    assert "path: train.jsonl" in card
    with Image.open(tmp_path / "out" / "lengths.png") as picture:
        assert picture.size == (800, 600)


def test_the_same_seed_gives_the_same_files_and_another_one_others(
    judge_folder: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        make(judge_folder, tmp_path / name)
    card = {
        "README.md": (tmp_path / "two" / "README.md")
        .read_bytes()
        .replace(b"--data two", b"--data one")
    }
    assert written(tmp_path / "one") == {**written(tmp_path / "two"), **card}
    make(judge_folder, tmp_path / "other", seed=1)
    other = written(tmp_path / "other")
    assert other["train.jsonl"] != written(tmp_path / "one")["train.jsonl"]
    assert other["teacher.jsonl"] == written(tmp_path / "one")["teacher.jsonl"]


def test_other_sizes_do_not_ask_the_teacher_again(judge_folder: Path, tmp_path: Path) -> None:
    make(judge_folder, tmp_path / "out")
    source = str(tmp_path / "in.jsonl")
    judge, engine = teacher(judge_folder)
    asked = plan(source, singles=5, pairs=0, profile="nano-judge")
    report = asyncio.run(curate(judge, asked, tmp_path / "out", resume=True))
    assert not engine.prompts
    assert report.kinds == {"single": 5, "pair": 0, "hard": 0}


def test_a_profile_has_to_have_the_protocols(judge_folder: Path, tmp_path: Path) -> None:
    answer_first = "nano-judge-answer-first"
    with pytest.raises(RequestError, match=r"has no \[protocols.pairwise\]: .* --pairs 0"):
        make(judge_folder, tmp_path / "out", profile=answer_first)
    make(judge_folder, tmp_path / "out", profile=answer_first, pairs=0)
    assert {row.reply[:8] for row in rows_of(tmp_path / "out")} == {"<answer>"}


def test_nothing_left_is_an_error_with_the_funnel(judge_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"no row is left.*\n.*\n.*\n\| read +\| 60 \|"):
        make(judge_folder, tmp_path / "out", single_min_tokens=9999, pair_min_tokens=9999)
    assert not (tmp_path / "out" / "train.jsonl").exists()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from judge.sft.curate.curate import curate
from judge.sft.curate.lengths import estimate_tokens
from tests.judge.sft.curate import test_curate as here

folder, source, out, replies = sys.argv[1:]
judge, engine = here.teacher(Path(folder))
reply = engine._script

def dying(prompt):
    if len(engine.prompts) > int(replies):
        os.kill(os.getpid(), signal.SIGKILL)
    return reply(prompt)

engine._script = dying
plan = here.plan(source, **here.VALUES)
asyncio.run(curate(judge, plan, Path(out), resume=True, concurrency=3))
"""


def test_a_process_killed_at_random_pairs_ends_with_an_undisturbed_runs_bytes(
    judge_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "calm").mkdir()
    (tmp_path / "killed").mkdir()
    make(judge_folder, tmp_path / "calm" / "out")
    source, out = tmp_path / "calm" / "in.jsonl", tmp_path / "killed" / "out"
    rng = random.Random("kill")
    for replies in (rng.randrange(20, 60), rng.randrange(5, 20)):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, judge_folder, source, out, str(replies)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert not (out / "train.jsonl").exists()
    answered = (out / "teacher.jsonl").read_bytes().count(b"\n") - 1
    assert 0 < answered < COUNT
    judge, engine = teacher(judge_folder)
    asyncio.run(curate(judge, plan(str(source), **VALUES), out, resume=True))
    assert written(out) == written(tmp_path / "calm" / "out")
    asked = {re.findall(r"number (\d+) about", str(prompt))[0] for prompt in engine.prompts}
    assert len(asked) == COUNT - answered


@pytest.fixture
def command(
    judge_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[object, ...]:
    """The arguments of a run whose engine is the scripted teacher."""
    _, engine = teacher(judge_folder)
    monkeypatch.setattr("judge.judge.make_engine", lambda name, folder, **options: engine)
    source = write_jsonl(tmp_path / "in.jsonl", raw_pairs(COUNT))
    return (
        *("curate", "--input", source, "--out", tmp_path / "out", "--teacher", judge_folder),
        *("--singles", 8, "--single-min-tokens", 10, "--pairs", 4, "--pair-min-tokens", 20),
    )


def run(*arguments: object) -> int:
    return main([str(each) for each in arguments])


def test_the_command_ends_with_the_funnel_and_one_json_line(
    command: tuple[object, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*command, "--hard-negatives", 0.5, "--limit", 50) == 0
    *table, last = capsys.readouterr().out.splitlines()
    assert table[0].startswith("| step ")
    figures = json.loads(last)
    assert figures["train"] + figures["validation"] == len(rows_of(tmp_path / "out"))
    assert (figures["single"], figures["pair"]) == (8, 4)
    assert figures["hard"] > 0
    journal = (tmp_path / "out" / "teacher.jsonl").read_text().splitlines()
    assert len(journal) == 51
    assert '"seeds": 3' in journal[0]


def test_a_run_that_stops_says_how_to_go_on(
    command: tuple[object, ...],
    judge_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from judge import EngineDeadError
    from judge.engines import ScriptedEngine

    dead = ScriptedEngine(lambda prompt: EngineDeadError("the engine has died"))
    monkeypatch.setattr("judge.judge.make_engine", lambda name, folder, **options: dead)
    assert run(*command) == 2
    err = capsys.readouterr().err
    assert "holds the replies so far: go on with --resume" in err
    assert "flex-judge: the engine has died" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--votes", 3), "--votes: a teacher's replies are taken one by one"),
        (("--soft",), "--soft: "),
        (("--singles", 0, "--pairs", 0), "there is nothing to curate"),
        (("--singles", -1), "singles has to be at least 0, got -1"),
        (("--halve-share", 1.5), "halve_share is a share from 0 to 1, got 1.5"),
        (("--seeds", 0), "seeds and limit have to be at least 1"),
        (("--concurrency", 0), "concurrency has to be at least 1"),
        (("--rubric", "beauty"), "unknown rubric 'beauty'"),
        (("--profile", "gone"), "no profile 'gone'"),
        (("--input", "gone.jsonl"), "no file gone.jsonl"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_two(
    arguments: tuple[object, ...],
    message: str,
    command: tuple[object, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*command, *arguments) == 2
    err = capsys.readouterr().err
    assert re.match(f"flex-judge: .*{re.escape(message)}", err)
    assert err.count("\n") == 1


def test_help_shows_commands_that_parse(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["curate", "--help"])
    text = capsys.readouterr().out.replace("\\\n", " ")
    shown = [shlex.split(line) for line in text.splitlines() if line.startswith("  flex-judge ")]
    assert len(shown) >= 4
    for words in shown:
        make_parser().parse_args(words[1:])


def test_options_and_plan_have_the_same_defaults() -> None:
    needed = ["curate", "--input", "a.jsonl", "--out", "b", "--teacher", "c"]
    assert make_plan(make_parser().parse_args(needed)) == CuratePlan("a.jsonl")


def test_a_teacher_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["curate", "--input", "a.jsonl", "--out", "b"])
    assert "--teacher" in capsys.readouterr().err
