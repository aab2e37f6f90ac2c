"""From the command line to an engine: names, values, and what an engine refuses."""

from __future__ import annotations

import argparse

import pytest

from judge import JudgeFolder, RequestError
from judge.engines import ENGINES, make_engine
from judge.engines.base import identity
from judge.folder import builtin_profile
from judge.options import add_judge_options, engine_options


def parsed(*arguments: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_judge_options(parser)
    return engine_options(parser.parse_args(arguments))


def test_without_options_vllm_runs_by_its_own_defaults() -> None:
    assert parsed() == {"engine": "vllm"}


def test_vllms_engine_arguments_keep_vllms_names_and_get_their_types() -> None:
    assert parsed(
        *("--tensor-parallel-size", "4", "--pipeline-parallel-size", "2"),
        *("--data-parallel-size", "8", "--quantization", "fp8", "--dtype", "float16"),
        *("--gpu-memory-utilization", "0.5", "--max-model-len", "8192"),
    ) == {
        "engine": "vllm",
        "tensor_parallel_size": 4,
        "pipeline_parallel_size": 2,
        "data_parallel_size": 8,
        "quantization": "fp8",
        "dtype": "float16",
        "gpu_memory_utilization": 0.5,
        "max_model_len": 8192,
    }


def test_every_flag_is_an_engine_argument_of_vllm() -> None:
    vllm = pytest.importorskip("vllm")
    flags = parsed(
        *("--tensor-parallel-size", "1", "--pipeline-parallel-size", "1"),
        *("--data-parallel-size", "1", "--quantization", "fp8", "--dtype", "float16"),
        *("--gpu-memory-utilization", "0.5", "--max-model-len", "8192"),
    )
    del flags["engine"]
    assert set(flags) <= set(vllm.AsyncEngineArgs.__dataclass_fields__)


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("max_num_seqs=64", {"max_num_seqs": 64}),
        ("enforce-eager=true", {"enforce_eager": True}),
        ("quantization=awq", {"quantization": "awq"}),
        ("gpu_memory_utilization=0.25", {"gpu_memory_utilization": 0.25}),
        ('limit_mm_per_prompt={"image": 8}', {"limit_mm_per_prompt": {"image": 8}}),
        ("url=http://host:8000/v1?a=b", {"url": "http://host:8000/v1?a=b"}),
        ("model=", {"model": ""}),
    ],
)
def test_any_other_option_is_a_pair(pair: str, expected: dict[str, object]) -> None:
    assert parsed("--engine-arg", pair) == {"engine": "vllm", **expected}


@pytest.mark.parametrize("pair", ["max_num_seqs", "=3", "a b=3"])
def test_pair_that_is_none_is_refused(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--engine-arg", pair)
    assert "NAME=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize("name", ENGINES)
def test_each_engine_can_be_chosen(name: str) -> None:
    assert parsed("--engine", name)["engine"] == name


def test_unknown_engine_is_refused_and_the_message_names_those_there_are() -> None:
    folder = JudgeFolder(builtin_profile("default"), "owner/model")
    with pytest.raises(RequestError, match="vllm, openai, transformers"):
        make_engine("sglang", folder)


@pytest.mark.parametrize("option", ["tensor_parallel_size", "adapter"])
def test_option_that_an_engine_does_not_have_is_refused(option: str) -> None:
    folder = JudgeFolder(builtin_profile("default"), "owner/model")
    with pytest.raises(RequestError, match=rf"no option {option}: expected url, model"):
        make_engine("openai", folder, **{option: 2})


def test_identity_tells_what_replies_depend_on() -> None:
    options = {"quantization": "fp8", "tensor_parallel_size": 8, "revision": None}
    assert identity("vllm", "bfloat16", {}, ("quantization",)) == "vllm/bfloat16"
    assert (
        identity("vllm", "bfloat16", options, ("quantization", "revision"))
        == "vllm/bfloat16/quantization=fp8"
    )
