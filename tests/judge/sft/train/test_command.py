"""``flex-judge sft``: its options, its help, and the configurations that ship."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser
from accelerate.utils import DistributedType
from trl import ModelConfig

from judge.cli import main
from judge.errors import RequestError
from judge.folder import builtin_profile
from judge.sft.train.arguments import AGREEMENT, JudgeSftArguments, JudgeSftConfig
from judge.sft.train.command import CONFIGS, parse_options
from judge.sft.train.options import check_options

CONFIG_NAMES = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
ACCELERATE = sorted((CONFIGS / "accelerate").glob("*.yaml"))


def test_defaults_are_the_papers(tmp_path: Path) -> None:
    arguments, config, model = parse_options(["--data", "rows", "--output_dir", str(tmp_path)])
    assert arguments == JudgeSftArguments(data="rows")
    assert config.learning_rate == 1e-5
    assert config.num_train_epochs == 1
    assert config.max_length == 4096
    assert config.lr_scheduler_type.value == "cosine"
    assert config.warmup_steps == 0.05
    assert config.weight_decay == 1e-4
    assert config.completion_only_loss is True
    assert config.metric_for_best_model == AGREEMENT
    assert config.greater_is_better is True
    assert model.use_peft is False


def test_options_win_over_the_file_and_names_of_shipped_files_are_known(tmp_path: Path) -> None:
    own = ["--data", "rows", "--output_dir", str(tmp_path)]
    _, config, _ = parse_options(["--config", "flex-omni-7b", *own])
    assert config.learning_rate == 7e-6
    _, config, _ = parse_options(["--config", "flex-omni-7b", "--learning_rate", "1e-4", *own])
    assert config.learning_rate == 1e-4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "x", "--learning_rat", "3"], "learning_rat"),
        (["--config"], "--config takes a YAML file"),
        (["--config", "no-such.yaml", "--data", "x"], "no-such.yaml"),
    ],
)
def test_wrong_options_are_told(options: list[str], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse_options(options)


def test_a_file_with_an_unknown_option_is_told(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("data: rows\nlearning_rat: 3\n")
    with pytest.raises(RequestError, match="learning_rat"):
        parse_options(["--config", str(file)])


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["sft", "--help"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    for text in ("examples:", "--freeze_vision", "--lora_r", "--packing", *CONFIG_NAMES):
        assert text in told


@pytest.mark.parametrize("name", CONFIG_NAMES)
def test_every_shipped_configuration_holds_together(name: str, tmp_path: Path) -> None:
    arguments, config, model = parse_options(
        ["--config", name, "--data", "rows", "--output_dir", str(tmp_path)]
    )
    assert builtin_profile(arguments.profile).base_model == model.model_name_or_path
    check_options(arguments, config, model, is_held_out=True)
    values = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    defaults = JudgeSftConfig(output_dir=str(tmp_path))
    assert all(
        getattr(config, key, None) is not None or key in {"model_name_or_path", "profile"}
        for key in values
    )
    assert config.max_length in {defaults.max_length, 1024}


@pytest.mark.parametrize("path", ACCELERATE, ids=lambda path: path.stem)
def test_accelerate_takes_every_shipped_configuration(path: Path) -> None:
    config = load_config_from_file(str(path))
    kinds = {
        "single": DistributedType.NO,
        "ddp": DistributedType.MULTI_GPU,
        "fsdp2": DistributedType.FSDP,
        "zero2": DistributedType.DEEPSPEED,
        "zero3": DistributedType.DEEPSPEED,
        "zero3-cpu": DistributedType.DEEPSPEED,
    }
    assert set(kinds) == {each.stem for each in ACCELERATE}
    assert config.distributed_type == kinds[path.stem]
    stage = (config.deepspeed_config or {}).get("zero_stage")
    assert stage == {"zero2": 2, "zero3": 3, "zero3-cpu": 3}.get(path.stem)
    args = launch_command_parser().parse_args(
        ["--config_file", str(path), "-m", "judge.cli", "sft", "--config", "nano"]
    )
    assert args.training_script == "judge.cli"
    assert args.training_script_args == ["sft", "--config", "nano"]


@pytest.mark.parametrize(
    ("options", "model", "message"),
    [
        ({}, {}, None),
        ({"merge_adapter": True}, {}, "--merge_adapter needs --use_peft"),
        ({"merge_adapter": True}, {"use_peft": True}, None),
    ],
)
def test_options_that_do_not_go_together(
    options: dict[str, bool], model: dict[str, bool], message: str | None, tmp_path: Path
) -> None:
    arguments = JudgeSftArguments(data="rows", **options)  # type: ignore[arg-type]  # flags alone
    config = JudgeSftConfig(output_dir=str(tmp_path))
    if message is None:
        check_options(arguments, config, ModelConfig(**model), is_held_out=False)
    else:
        with pytest.raises(RequestError, match=message):
            check_options(arguments, config, ModelConfig(**model), is_held_out=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"eval_strategy": "epoch"}, "--eval_strategy epoch needs held-out rows"),
        ({"metric_for_best_model": "eval_judge_mean_abs_error"}, "has no value where no reply"),
        ({"use_liger_kernel": True}, "pip install liger-kernel"),
        ({"packing": True, "max_length": None}, "--packing needs --max_length"),
        ({"chat_template_path": "x.jinja"}, "--chat_template_path is not supported"),
    ],
)
def test_settings_that_do_not_go_together(
    settings: dict[str, object], message: str, tmp_path: Path
) -> None:
    config = JudgeSftConfig(output_dir=str(tmp_path), **settings)  # type: ignore[arg-type]  # ditto
    with pytest.raises(RequestError, match=message):
        check_options(JudgeSftArguments(data="x"), config, ModelConfig(), is_held_out=False)
