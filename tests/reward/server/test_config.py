from __future__ import annotations

from pathlib import Path
from typing import Any, get_origin

import pytest
import yaml

from reward.errors import ServerConfigError
from reward.server.command import main, make_parser
from reward.server.config import ServerConfig, load_config
from reward.server.printing import config_text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "server.yaml"


def test_flags_before_environment_before_file_before_defaults(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("port: 1\nhost: file\ndrain_s: 1\n")
    monkeypatch.setenv("FLEXREWARD_SERVER_PORT", "2")
    monkeypatch.setenv("FLEXREWARD_SERVER_HOST", "environment")
    config = load_config({"port": "3"}, file)
    assert (config.port, config.host, config.drain_s) == (3, "environment", 1)
    assert config.queue_samples == ServerConfig().queue_samples
    assert type(config) is ServerConfig


def test_engine_options_of_all_sources_come_together(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("engine_args: {seed: 1, dtype: float32, max_model_len: 1}\n")
    monkeypatch.setenv("FLEXREWARD_SERVER_ENGINE_ARGS", '{"seed": 2, "max_model_len": 2}')
    config = load_config({"engine_args": {"max_model_len": 3}}, file)
    assert config.engine_args == {"dtype": "float32", "seed": 2, "max_model_len": 3}


def test_the_clients_variables_are_not_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEXREWARD_RUBRIC", "captioning")
    monkeypatch.setenv("FLEXREWARD_URL", "http://elsewhere")
    assert load_config({}, None) == ServerConfig()


def test_a_config_of_ones_own_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEXREWARD_SERVER_PORT", "2")
    assert ServerConfig().port == 8471


def test_an_empty_file_sets_nothing(file: Path) -> None:
    file.write_text("")
    assert load_config({}, file) == ServerConfig()


@pytest.mark.parametrize(
    ("flags", "content", "message"),
    [
        ({"port": "many"}, "", r"^port: .*FLEXREWARD_SERVER_PORT"),
        ({"port": 70000}, "", "port"),
        ({"queue_samples": 0}, "", "queue_samples"),
        ({"on_engine_death": "cry"}, "", "'unjudged' or 'retry'"),
        ({}, "prot: 1", "no setting 'prot': expected one of judge, .*port"),
        ({}, "- 1", "server.yaml cannot be read"),
        ({}, "a: b: c", "server.yaml cannot be read"),
        ({}, "drain_s: -1", "drain_s"),
    ],
)
def test_what_is_no_setting_is_named(
    flags: dict[str, Any], content: str, message: str, file: Path
) -> None:
    file.write_text(content)
    with pytest.raises(ServerConfigError, match=message):
        load_config(flags, file)


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(ServerConfigError, match=r"no settings at .*server\.yaml"):
        load_config({}, file)


def test_a_variable_that_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEXREWARD_SERVER_RUBRICS", "[")
    with pytest.raises(ServerConfigError, match="rubrics"):
        load_config({}, None)


def test_every_setting_has_a_flag() -> None:
    shared = {"engine_args": "--engine-arg", "decoding": "--temperature"}
    text = make_parser().format_help()
    for name, field in ServerConfig.model_fields.items():
        flag = f"--{name.replace('_', '-')}"
        if get_origin(field.annotation) is list:
            flag = flag.removesuffix("s")
        assert f"{shared.get(name, flag)} " in text
        assert field.description, name


def test_flags_become_settings(capsys: pytest.CaptureFixture[str]) -> None:
    flags = "--judge mine --engine openai --engine-arg url=http://host/v1 --dtype float32 "
    flags += "--temperature 0.5 --rubric a.toml --rubric b.toml --port 9 --no-warm-up "
    flags += "--canary-file c.yaml --on-engine-death retry --log-format json"
    assert main([*flags.split(), "--print-config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    given = {
        "judge": "mine",
        "engine": "openai",
        "engine_args": {"dtype": "float32", "url": "http://host/v1"},
        "decoding": {"temperature": 0.5},
        "rubrics": ["a.toml", "b.toml"],
        "port": 9,
        "warm_up": False,
        "canary_file": "c.yaml",
        "on_engine_death": "retry",
        "log_format": "json",
    }
    assert printed == {**ServerConfig().model_dump(), **given}


def test_what_is_printed_can_be_read_again(file: Path) -> None:
    config = ServerConfig(port=9, rubrics=["a.toml"], canary_file=Path("c"), engine_args={"a": 1})
    file.write_text(config_text(config))
    assert load_config({}, file) == config


def test_secrets_are_not_printed() -> None:
    engine_args = {
        "api_key": "secret-1",
        "hf_token": "secret-2",
        "nested": {"password": "secret-3"},
        "url": "postgresql://me:secret-4@host/db",
        "max_tokens": 5,
        "keys": ["secret-5"],
        "tokenizer": "mine",
    }
    text = config_text(ServerConfig(engine_args=engine_args, trace_endpoint="http://u:secret-6@h"))
    assert "secret" not in text
    assert "postgresql://me:**********@host/db" in text
    assert "max_tokens: 5" in text
    assert "tokenizer: mine" in text
