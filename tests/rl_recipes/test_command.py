"""What the commands are told: configurations, options over them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from trl import DPOConfig, GRPOConfig

from judge.errors import RequestError
from rl_recipes.check import check
from rl_recipes.command import CONFIGS, Method, parse_run
from rl_recipes.resolved import resolved, telling
from tests.reward.harness import LiveServer

SHIPPED = sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def written(path: Path, **options: object) -> str:
    path.write_text(yaml.safe_dump({"recipe": "captioning", **options}))
    return str(path)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_configuration_is_one(name: str, tmp_path: Path) -> None:
    method: Method = "dpo" if "-dpo-" in name else "grpo"
    run, is_check = parse_run(method, [name, "--output_dir", str(tmp_path)])
    assert not is_check
    assert name.startswith(run.config.run.recipe)
    assert isinstance(run.config.training, DPOConfig if method == "dpo" else GRPOConfig)
    assert run.config.model.model_name_or_path
    parse_run("evaluate", [name, "--output_dir", str(tmp_path)])


def test_options_win_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "c.yaml", learning_rate=1e-3, judge="nano", train_rows=5)
    run, _ = parse_run("grpo", [path, "--learning_rate", "1e-4", "--output_dir", str(tmp_path)])
    assert (run.config.training.learning_rate, run.config.run.train_rows) == (1e-4, 5)
    assert run.config.out == tmp_path.resolve()


@pytest.mark.parametrize("method", ["grpo", "dpo", "evaluate"])
def test_help_explains_every_option(method: Method, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_run(method, ["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for option in ("--eval_judge", "--claims_weight", "--use_peft", "--output_dir"):
        assert option in text
    assert ("--num_generations" in text) == (method == "grpo")
    assert ("--temperatures" in text) == (method == "dpo")
    assert "captioning-grpo-24gb" in text


@pytest.mark.parametrize("flag", ["--dry-run", "--dry_run"])
def test_a_dry_run_is_told(flag: str, tmp_path: Path) -> None:
    path = written(tmp_path / "c.yaml", output_dir=str(tmp_path))
    assert parse_run("grpo", [path, flag])[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["none.yaml"], "no configuration 'none.yaml': expected a YAML file, or one of those"),
        ([], "no recipe: give a configuration, or --recipe captioning or molecules"),
        (["--recipe", "songs"], "no recipe 'songs': expected captioning or molecules"),
        (["{file}", "--learning_rat", "1"], "no option --learning_rat"),
    ],
)
def test_what_is_wrong_is_said(options: list[str], message: str, tmp_path: Path) -> None:
    path = written(tmp_path / "c.yaml")
    given = [option.format(file=path) for option in options]
    with pytest.raises(RequestError, match=message):
        parse_run("grpo", given)


def test_an_option_that_there_is_none_of_is_refused_in_a_file_too(tmp_path: Path) -> None:
    path = written(tmp_path / "c.yaml", output_dir="x", beam_width=3)
    with pytest.raises(RequestError, match="no option --beam_width"):
        parse_run("grpo", [path])
    pairs = written(tmp_path / "d.yaml", output_dir="x", min_margin=0.1)
    with pytest.raises(RequestError, match="no option --min_margin"):
        parse_run("grpo", [pairs])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--samples", "1", "--temperatures", "0.9"], "a pair takes two answers to a row at least"),
        (["--rounds", "0"], "--rounds is at least 1, got 0"),
        (["--rounds", "2", "--pairs", "p.jsonl"], "with --pairs or --pairs_only there is one"),
        (["--rounds", "2", "--pairs_only", "true"], "with --pairs or --pairs_only there is one"),
    ],
)
def test_pairs_that_cannot_be(options: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=message):
        parse_run("dpo", ["captioning-dpo-nano", "--output_dir", str(tmp_path), *options])


def test_an_evaluation_is_told_what_the_run_was_told(tmp_path: Path) -> None:
    path = written(tmp_path / "c.yaml", output_dir="x", min_margin=0.1)
    told = ["--num_generations", "4", "--beta=0.1", "--eval_rows", "7"]
    assert parse_run("evaluate", [path, *told])[0].config.run.eval_rows == 7
    with pytest.raises(RequestError, match=r"no option --beam_width \("):
        parse_run("evaluate", [path, *told, "--beam_width", "3"])


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", ""])
def test_a_file_of_something_else(text: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(RequestError, match=r"c\.yaml"):
        parse_run("grpo", [str(path)])


def test_what_was_resolved_is_a_configuration_again(tmp_path: Path) -> None:
    options = ["captioning-dpo-nano", "--output_dir", str(tmp_path), "--beta", "0.3"]
    run, _ = parse_run("dpo", options)
    found = resolved(run.config, run.pairs)
    assert (found["beta"], found["temperatures"]) == (0.3, [0.7, 1.0])
    again, _ = parse_run("dpo", [written(tmp_path / "again.yaml", **found)])
    assert resolved(again.config, again.pairs) == found


def test_the_weights_depend_on_some_options_and_not_on_others(tmp_path: Path) -> None:
    base = ["captioning-grpo-nano", "--output_dir", str(tmp_path)]

    def told(*options: str) -> dict[str, object]:
        return telling(parse_run("grpo", [*base, *options])[0].config)

    same = (
        "--logging_steps",
        "7",
        "--eval_rows",
        "3",
        "--save_steps",
        "9",
        "--unrewarded_logs",
        "9",
        "--reward_url",
        "http://x",
    )
    assert told(*same) == told()
    for option in (
        ("--learning_rate", "1"),
        ("--seed", "5"),
        ("--train_rows", "9"),
        ("--judge", "j"),
    ):
        assert told(*option) != told(), option


def test_a_reward_file_is_told_by_what_it_holds(tmp_path: Path) -> None:
    reward = tmp_path / "mine.yaml"
    options = ["captioning-grpo-nano", "--output_dir", str(tmp_path), "--reward", str(reward)]
    tellings = []
    for weight in (0.1, 0.1, 0.2):
        reward.write_text(f"weight: {weight}\n")
        tellings.append(telling(parse_run("grpo", options)[0].config))
    assert tellings[0] == tellings[1] != tellings[2]


def test_a_dry_run_looks_at_rows_reward_judge_and_model(server: LiveServer, tmp_path: Path) -> None:
    options = ["captioning-grpo-nano", "--output_dir", str(tmp_path / "out"), "--train_rows", "4"]
    checked = check(parse_run("grpo", [*options, "--reward_url", server.url])[0])
    text = checked.text
    assert checked.is_ready
    assert "learning_rate: 0.0002" in text
    assert "model: nano-captioner (qwen2_5_vl" in text
    assert "rows: 4 with the columns prompt, image" in text
    assert "reward: caption, by the rubric 'captioning'" in text
    assert "reports to: none" in text
    assert f"judge: default 1 at {server.url} (ready)" in text
    assert not (tmp_path / "out").exists(), "nothing is written"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model_name_or_path", "no/such-model"], "model: MISSING: the base no/such-model"),
        (["--data", "none.jsonl", "--eval_data", "none.jsonl"], "rows: MISSING: rows cannot be"),
        (["--data", "none.jsonl"], "rows: MISSING: no held-out rows"),
        (["--train_rows", "0"], "rows: MISSING: there are no rows to train on: give --data"),
        (["--judge", "no-such-judge"], "judge: MISSING: no judge 'no-such-judge'"),
        (["--judge", "no/such-judge"], "judge: MISSING: the judge's weights no/such-judge cannot"),
        (["--eval_judge", "none"], "judge of evaluations: MISSING: no judge 'none'"),
        (["--compare", "pairwise"], "judge: MISSING: --compare pairwise takes a judge with that"),
        (["--report_to", "clearml"], "reports to: MISSING: --report_to clearml takes a package"),
        (["--reward", "none.yaml"], "reward: MISSING: none.yaml does not hold a composed"),
        (["--reward_url", "http://127.0.0.1:9"], "judge: MISSING: no answer from"),
    ],
)
def test_a_dry_run_finds_what_a_run_would_stop_at(
    options: list[str], message: str, tmp_path: Path
) -> None:
    base = ["captioning-grpo-nano", "--output_dir", str(tmp_path), "--train_rows", "4"]
    run, _ = parse_run("grpo", [*base, "--eval_rows", "4", *options])
    checked = check(run)
    assert not checked.is_ready
    assert f"  {message}" in checked.text
    assert checked.text.count("MISSING") < 5, "and looks at the rest"


def test_answers_of_a_run_that_was_told_otherwise_are_not_taken(tmp_path: Path) -> None:
    from rl_recipes.policy import find_policy
    from rl_recipes.preferences import sample

    def sampled(*options: str) -> int:
        told = ["captioning-dpo-nano", "--output_dir", str(tmp_path), "--train_rows", "1", *options]
        run, _ = parse_run("dpo", told)
        assert run.pairs is not None
        rows = run.recipe.load_dataset(run.config)
        return len(sample(rows, run.config, run.pairs, find_policy(run.config.model)))

    answers = tmp_path / "pairs" / "answers"
    answers.mkdir(parents=True)
    line = {"row": 0, "texts": ["a"] * 4, "finishes": ["end"] * 4, "reason": None}
    (answers / "000000.jsonl").write_text(json.dumps(line) + "\n")  # of the one row
    assert sampled() == 1
    assert sampled("--beta", "0.5", "--min_margin", "0.2") == 1, "those are not sampled by"
    for option in (("--samples", "3"), ("--seed", "1"), ("--judge", "other")):
        with pytest.raises(RequestError, match=rf"{option[0].removeprefix('--')} was"):
            sampled(*option)
