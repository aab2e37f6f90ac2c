"""``flex-judge score``: from arguments to what is printed, the engine scripted."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import judge.judge
from judge import EngineDeadError
from judge.cli import main, make_parser
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from judge.folder import Decoding
from judge.options import decoding_options
from judge.types import Prompt
from tests.judge.test_rows import picture_bytes, recording

Run = Callable[..., tuple[int, str, str]]


def _reply(prompt: Prompt) -> str | Exception:
    """Scores candidates by the number they name; of options, the first."""
    text = prompt_text(prompt)
    if "\ndie\n" in text:
        return EngineDeadError("the engine has died")
    if "[[A>B]]" in text:
        return "<think>\nthe first\n</think>\n<answer>[[A>B]]</answer>"
    answers = [f"<answer>{number}</answer>" for number in re.findall(r"no (\d+)", text)]
    return f"<think>\nas told\n</think>\n{''.join(answers)}".removeprefix(prompt.begun)


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(_reply, likely=lambda prompt: {"7</": 0.6, "8</": 0.2, "good": 0.2})


@pytest.fixture
def run(
    engine: ScriptedEngine,
    judge_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs ``flex-judge score`` with the judge of the tests; status, output and errors."""
    monkeypatch.setattr(judge.judge, "make_engine", lambda name, folder, **options: engine)

    def score(*arguments: object) -> tuple[int, str, str]:
        command = ["score", "--judge", str(judge_folder), "--rubric", "helpfulness"]
        status = main([*command, *map(str, arguments)])
        out, err = capsys.readouterr()
        return status, out, err

    return score


def test_one_candidate_is_scored(run: Run) -> None:
    status, out, _ = run("--question", "Why?", "--candidate", "no 8")
    assert (status, out) == (0, "score: 8 (1 to 10)\n\nas told\n")


def test_two_candidates_are_a_pair(run: Run) -> None:
    status, out, _ = run("--question", "Why?", "--candidate", "no 8", "--candidate", "no 9")
    assert status == 0
    assert out == "A: 8 (1 to 10)  no 8\nB: 9 (1 to 10)  no 9\nbest: B\n\nas told\n"


def test_both_orders_and_votes_are_told_of(run: Run) -> None:
    pair = ("--question", "Why?", "--candidate", "no 8", "--candidate", "no 8")
    trust = ("--both-orders", "--votes", 2, "--vote", "majority", "--temperature", 0.7)
    _, out, _ = run(*pair, *trust)
    assert "best: tie\nvotes: 8/8, 8/8, 8/8, 8/8\norders: they agree\n" in out


def test_a_choice_names_its_option(run: Run) -> None:
    pair = ("--question", "Why?", "--candidate", "no 8", "--candidate", "no 9")
    _, out, _ = run(*pair, "--protocol", "choice")
    assert "best: A\nchoice: A>B\n\nthe first\n" in out


def test_three_candidates_are_a_list(run: Run) -> None:
    candidates = [part for number in (3, 2, 9) for part in ("--candidate", f"no {number}")]
    _, out, _ = run("--question", "Why?", *candidates)
    assert [line[:4] for line in out.splitlines()[:4]] == ["A: 3", "B: 2", "C: 9", "best"]


def test_soft_scores_tell_their_spread_and_the_mass_outside(run: Run) -> None:
    _, out, _ = run("--question", "Why?", "--candidate", "no 8", "--soft")
    assert out.startswith(
        "score: 7.25 (1 to 10)\nsoft A: spread 0.43, 20.00% of the probability is no answer\n"
    )


def test_no_verdict_is_no_number_and_status_one(run: Run) -> None:
    status, out, _ = run("--question", "Why?", "--candidate", "nothing", "--reasks", 0)
    assert status == 1
    assert out.startswith("unjudged: no_answer (no <answer>…</answer> after the reasoning)\n")


def test_media_reach_the_prompt(run: Run, engine: ScriptedEngine, tmp_path: Path) -> None:
    picture, sound = tmp_path / "a.png", tmp_path / "a.wav"
    picture.write_bytes(picture_bytes())
    sound.write_bytes(recording())
    status, _, _ = run(
        *("--image", picture, "--image", picture, "--audio", sound),
        *("--candidate-image", picture, "--candidate", "no 8"),
    )
    assert status == 0
    text = prompt_text(engine.prompts[0])
    assert text.count("[image 4x4]") == 3
    assert text.count("[audio of 0.1 s]") == 1


def test_molecules_are_judged_by_a_rubric_of_theirs(run: Run, engine: ScriptedEngine) -> None:
    pytest.importorskip("rdkit")
    arguments = ("--rubric", "molecule", "--question", "no 3, no 4")
    status, _, _ = run(*arguments, "--molecule", "CCO", "--molecule", "CC")
    assert status == 0
    assert "CCO" in prompt_text(engine.prompts[0])


def test_a_file_is_scored_and_summed_up(run: Run, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.parquet"
    rows: list[dict[str, Any]] = [{"prompt": "q", "completion": f"no {n}"} for n in (2, 4)]
    rows.append({"prompt": "q", "completions": ["no 5", "no 6"]})
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    status, out, _ = run("--input", source, "--output", target, "--both-orders")
    assert status == 0
    assert out == (
        "3 rows, 0 of them from an earlier run; judged now: 3, mean score 3.00, "
        "preference flipped in 0.0%; unjudged: none\n"
    )
    again = run("--input", source, "--output", target, "--both-orders", "--resume")
    assert "3 of them from an earlier run; judged now: 0; unjudged: none" in again[1]


def test_a_dead_engine_ends_the_run_and_says_how_to_go_on(run: Run, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [{"prompt": "q", "completion": text} for text in ("no 2", "die", "no 4")]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    status, _, err = run("--input", source, "--output", target, "--concurrency", 1)
    assert status == 2
    assert f"stopped; {target} is whole so far: go on with --resume" in err
    assert "flex-judge: the engine has died" in err
    assert len(target.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--question", "Why?"), "nothing to judge: give --candidate, --molecule or"),
        (("--candidate", "a"), "a row needs a 'prompt'"),
        (("--input", "a.jsonl"), "--input needs --output"),
        (("--input", "a.jsonl", "--candidate", "a"), "not both"),
        (("--input", "a.jsonl", "--output", "b.jsonl"), "no file a.jsonl"),
        (("--question", "q", "--candidate", "a", "--votes", "3"), "votes at temperature 0"),
        (("--question", "q", "--candidate", "a", "--reasks", "99"), "decoding.reasks takes"),
        (("--question", "q", "--image", "/no.png", "--candidate", "a"), "'images': .*/no.png"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_two(
    arguments: tuple[str, ...], message: str, run: Run
) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert re.match(f"flex-judge: .*{message}", err)
    assert err.count("\n") == 1


def test_a_rubric_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "--question", "Why?", "--candidate", "So."]) == 2
    assert "--rubric is needed: one of captioning" in capsys.readouterr().err


def test_every_decoding_field_is_an_option() -> None:
    options = (
        "score --temperature 0.5 --top-p 0.9 --max-tokens 9 --sampling-seed 3 "
        "--votes 5 --vote median --both-orders --reasks 2 --no-soft"
    )
    given = decoding_options(make_parser().parse_args(options.split()))
    assert Decoding(**given) == Decoding(0.5, 0.9, 9, 3, 5, "median", True, 2, False)
    assert given.keys() == {field.name for field in fields(Decoding)}
    assert decoding_options(make_parser().parse_args(["score"])) == {}


@pytest.mark.parametrize("command", [("--help",), ("score", "--help")])
def test_help_shows_commands_that_parse(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(command)
    text = capsys.readouterr().out.replace("\\\n", " ")
    shown = [shlex.split(line) for line in text.splitlines() if line.startswith("  flex-judge ")]
    assert len(shown) >= 4
    for words in shown:
        make_parser().parse_args(words[1:])
