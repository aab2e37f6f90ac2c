"""A judge is a folder: which name opens it, what is refused, what its fingerprint tells."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from judge import Candidate, Decoding, JudgeFolder, JudgeFolderError, JudgeRequest, open_judge
from judge.engines.scripted import prompt_text
from judge.folder import builtin_profile, profile_path
from judge.profile import parse_profile
from judge.protocols import PROTOCOLS
from judge.rubrics import load_rubric
from judge.types import ProtocolName

PROFILES = ("default", "flex-vl", "flex-omni", "nano-judge")
GENERAL = ("default", "flex-vl", "flex-omni")


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "judge.toml"
    source = path.read_text(encoding="utf-8")
    assert old in source, f"{old!r} is not in judge.toml: the test would change nothing"
    path.write_text(source.replace(old, new), encoding="utf-8")


def fingerprint(folder: Path, engine: str = "scripted") -> str:
    return open_judge(folder).fingerprint(engine)


# --- opening ------------------------------------------------------------------------------------


def test_folder_opens_with_its_own_profile(judge_folder: Path) -> None:
    edit(judge_folder, 'name = "default"', 'name = "mine"')
    judge = open_judge(judge_folder)
    assert judge.profile.name == "mine"
    assert judge.weights == str(judge_folder)
    assert open_judge(str(judge_folder)) == judge


def test_checkpoint_without_judge_toml_takes_the_default_profile(judge_folder: Path) -> None:
    (judge_folder / "judge.toml").unlink()
    judge = open_judge(judge_folder)
    assert judge.profile == builtin_profile("default")
    assert judge.weights == str(judge_folder)


@pytest.mark.parametrize(
    ("hub_id", "profile"),
    [
        ("jongwooko/Flex-VL-7B", "flex-vl"),
        ("jongwooko/flex-omni-7b", "flex-omni"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "default"),
        ("owner/reflex-model", "default"),
    ],
)
def test_hub_id_takes_a_builtin_profile(hub_id: str, profile: str) -> None:
    judge = open_judge(hub_id)
    assert judge.profile == builtin_profile(profile)
    assert judge.weights == hub_id


def test_local_folder_goes_before_a_hub_id_of_that_name(
    judge_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(judge_folder.parent.parent)
    relative = f"{judge_folder.parent.name}/{judge_folder.name}"
    edit(judge_folder, 'name = "default"', 'name = "mine"')
    assert open_judge(relative).profile.name == "mine"


@pytest.mark.parametrize("name", ["my-judge", "myjudge", "my_judge_2"])
def test_folder_in_the_working_directory_opens_by_its_bare_name(
    name: str, judge_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name != judge_folder.name:
        shutil.copytree(judge_folder, judge_folder.parent / name)
    monkeypatch.chdir(judge_folder.parent)
    assert Path(open_judge(name).weights).resolve() == judge_folder.parent / name


@pytest.mark.parametrize("name", ["nanoo", "no-such-judge", "./missing", "/no/such/folder", ""])
def test_unknown_judge_is_refused_and_the_message_says_what_is_expected(name: str) -> None:
    with pytest.raises(JudgeFolderError, match=r"path of a checkpoint folder, or a hub id|config"):
        open_judge(name)


def test_folder_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JudgeFolderError, match=r"neither judge\.toml nor config\.json"):
        open_judge(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("[judge]", "[juge]", id="no-judge-table"),
        pytest.param('name = "default"', "", id="no-name"),
        pytest.param("[protocols.", "[other.", id="no-protocols"),
        pytest.param('system = """', 'sistem = """', id="misspelt-prompt"),
        pytest.param("temperature = 0.0", "temprature = 0.0", id="misspelt-decoding"),
        pytest.param("temperature = 0.0", "temperature = ", id="no-toml"),
        pytest.param("temperature = 0.0", 'temperature = "hot"', id="decoding-of-another-type"),
        pytest.param('stop = ["</answer>"]', 'stop = "</answer>"', id="stop-is-a-string"),
        pytest.param(
            'modalities = ["text", "image"]', 'modalities = "text"', id="modalities-string"
        ),
        pytest.param("{candidates}", "{answer}", id="unknown-placeholder"),
        pytest.param("{candidates}", "", id="candidates-not-shown"),
        pytest.param("[protocols.pairwise]", "[protocols.pair]", id="unknown-protocol"),
    ],
)
def test_judge_toml_that_does_not_hold_together_is_refused_when_it_is_opened(
    old: str, new: str, judge_folder: Path
) -> None:
    edit(judge_folder, old, new)
    with pytest.raises(JudgeFolderError, match=r"judge\.toml"):
        open_judge(judge_folder)


@pytest.mark.parametrize("source", [b"\xff\xfe", b'judge = "x"\nprotocols = "y"', b""])
def test_file_that_is_no_profile_is_refused(source: bytes, judge_folder: Path) -> None:
    (judge_folder / "judge.toml").write_bytes(source)
    with pytest.raises(JudgeFolderError, match=r"judge\.toml"):
        open_judge(judge_folder)


def test_message_names_the_missing_key(judge_folder: Path) -> None:
    edit(judge_folder, 'name = "default"', "")
    with pytest.raises(JudgeFolderError, match="'name'"):
        open_judge(judge_folder)


# --- hub checkpoints ----------------------------------------------------------------------------


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub; the tests run with HF_HUB_OFFLINE set."""
    from huggingface_hub import constants

    assert constants.HF_HUB_OFFLINE
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def put_in_cache(cache: Path, hub_id: str, source: str) -> None:
    """The file as ``huggingface_hub`` lays it down after a download."""
    commit = "0" * 40
    repository = cache / f"models--{hub_id.replace('/', '--')}"
    for folder in ("refs", f"snapshots/{commit}"):
        (repository / folder).mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit, encoding="utf-8")
    (repository / "snapshots" / commit / "judge.toml").write_text(source, encoding="utf-8")


def test_hub_checkpoint_brings_its_own_judge_toml(hub_cache: Path) -> None:
    source = profile_path("default").read_text(encoding="utf-8")
    put_in_cache(hub_cache, "jongwooko/Flex-VL-7B", source.replace('"default"', '"theirs"'))
    judge = open_judge("jongwooko/Flex-VL-7B", temperature=0.5)
    assert judge.profile.name == "theirs"
    assert judge.profile.decoding.temperature == 0.5
    assert judge.weights == "jongwooko/Flex-VL-7B"


def test_broken_judge_toml_of_a_hub_checkpoint_is_refused(hub_cache: Path) -> None:
    put_in_cache(hub_cache, "owner/broken", "[judge]")
    with pytest.raises(JudgeFolderError, match=r"judge\.toml"):
        open_judge("owner/broken")


def test_hub_that_cannot_be_asked_is_told_of(
    hub_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "judge.folder"):
        assert open_judge("owner/model").profile == builtin_profile("default")
    assert "no judge.toml of owner/model" in caplog.text


# --- adapters -----------------------------------------------------------------------------------


@pytest.fixture
def adapter_folder(judge_folder: Path) -> Path:
    """A folder with a LoRA adapter and a judge.toml, beside the base that it names."""
    folder = judge_folder.with_name("my-adapter")
    folder.mkdir()
    shutil.copy(judge_folder / "judge.toml", folder / "judge.toml")
    edit(folder, 'name = "default"', 'name = "adapted"')
    configure(folder, base_model_name_or_path="../my-judge")
    (folder / "adapter_model.safetensors").write_bytes(b"adapter")
    return folder


def configure(folder: Path, **changes: Any) -> None:
    config = {"peft_type": "LORA", "r": 8, **changes}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")


def test_adapter_opens_with_its_profile_over_its_bases_weights(
    adapter_folder: Path, judge_folder: Path
) -> None:
    judge = open_judge(adapter_folder, temperature=0.5)
    assert judge.profile.name == "adapted"
    assert judge.profile.decoding.temperature == 0.5
    assert Path(judge.weights).resolve() == judge_folder
    assert judge.adapter == str(adapter_folder)


def test_adapter_without_judge_toml_is_prompted_as_its_base(
    adapter_folder: Path, judge_folder: Path
) -> None:
    (adapter_folder / "judge.toml").unlink()
    edit(judge_folder, 'name = "default"', 'name = "base"')
    assert open_judge(adapter_folder).profile.name == "base"
    configure(adapter_folder, base_model_name_or_path="jongwooko/Flex-VL-7B")
    assert open_judge(adapter_folder).profile == builtin_profile("flex-vl")


def test_adapters_base_may_be_embedded_absolute_or_on_the_hub(
    adapter_folder: Path, judge_folder: Path
) -> None:
    configure(adapter_folder, base_model_name_or_path="nano-base")
    assert Path(open_judge(adapter_folder).weights).name == "nano-base"
    configure(adapter_folder, base_model_name_or_path=str(judge_folder))
    assert open_judge(adapter_folder).weights == str(judge_folder)
    configure(adapter_folder, base_model_name_or_path="owner/model")
    assert open_judge(adapter_folder).weights == "owner/model"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_model_name_or_path": "gone"}, "neither a checkpoint folder nor a hub id"),
        ({"base_model_name_or_path": None}, "base_model_name_or_path"),
        ({"peft_type": "IA3", "base_model_name_or_path": "nano-base"}, "IA3"),
    ],
)
def test_adapter_that_cannot_be_run_is_refused(
    changes: dict[str, Any], message: str, adapter_folder: Path
) -> None:
    configure(adapter_folder, **changes)
    with pytest.raises(JudgeFolderError, match=message):
        open_judge(adapter_folder)


@pytest.mark.parametrize("source", ["", "[]", "{"])
def test_adapter_configuration_that_is_none_is_refused(source: str, adapter_folder: Path) -> None:
    (adapter_folder / "adapter_config.json").write_text(source, encoding="utf-8")
    with pytest.raises(JudgeFolderError, match=r"adapter_config\.json"):
        open_judge(adapter_folder)


def test_fingerprint_tells_adapter_and_base(adapter_folder: Path, judge_folder: Path) -> None:
    before = fingerprint(adapter_folder)
    assert before != fingerprint(judge_folder)
    (adapter_folder / "adapter_model.safetensors").write_bytes(b"another")
    adapted = fingerprint(adapter_folder)
    assert adapted != before
    (judge_folder / "model.safetensors").write_bytes(b"other weights")
    assert fingerprint(adapter_folder) != adapted


# --- profiles and decoding ----------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_builtin_profile_holds_together(name: str) -> None:
    profile = builtin_profile(name)
    prompts = profile.protocols["pointwise"]
    assert profile.name == name
    assert prompts.stop == ("</answer>",)
    for placeholder in ("{criteria}", "{question}", "{reference}", "{candidates}"):
        assert placeholder in prompts.user, f"{name}: {placeholder} is not in the user prompt"
    assert "{text}" in prompts.reference


def test_sections_of_a_builtin_prompt_are_set_apart_by_an_empty_line() -> None:
    for name in PROFILES:
        prompts = builtin_profile(name).protocols["pointwise"]
        text = prompts.user.replace("{reference}", prompts.reference)
        for heading in ("[Question]", "[Reference]", "[Assistant's Answer]", "[Your Judgement]"):
            assert f"\n\n{heading}" in text, f"{name}: no empty line before {heading} in:\n{text}"


@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize(
    ("protocol", "headings"),
    [
        ("pairwise", ["[Assistant 1's Answer]", "[Assistant 2's Answer]"]),
        ("listwise", ["[Assistant 1's Answer]", "[Assistant 2's Answer]"]),
        ("choice", ["[Assistant A's Answer]", "[Assistant B's Answer]"]),
    ],
)
def test_candidates_stand_in_sections_of_their_own(
    name: str, protocol: ProtocolName, headings: list[str]
) -> None:
    rubric = replace(load_rubric("helpfulness"), ties="forbidden")
    candidates = (Candidate("the first"), Candidate("the second"))
    request = JudgeRequest(("Which?",), candidates, rubric, reference="r", protocol=protocol)
    prompts = builtin_profile(name).protocols[protocol]
    text = prompt_text(PROTOCOLS[protocol](prompts).render(request))
    for heading, shown in zip(headings, ("the first", "the second"), strict=True):
        assert f"\n\n{heading}\n{shown}\n\n" in text
    assert text.endswith("\n\n[Your Judgement]")
    assert "{" not in text
    if protocol == "choice":
        assert "[[A>B]], [[B>A]], [[A=B]]" in text
    else:
        assert prompts.no_ties
        assert prompts.no_ties in text


def test_flex_judges_are_decoded_as_in_their_paper() -> None:
    vl, omni = builtin_profile("flex-vl"), builtin_profile("flex-omni")
    assert vl.base_model == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert vl.decoding == Decoding(temperature=0.4, top_p=0.8, max_tokens=4096)
    assert "audio" not in vl.modalities
    assert omni.base_model == "Qwen/Qwen2.5-Omni-7B"
    assert omni.decoding == Decoding(temperature=0.6, top_p=0.95, max_tokens=4096)
    assert set(omni.modalities) == {"text", "image", "video", "audio"}


def test_missing_decoding_takes_the_defaults() -> None:
    profile = parse_profile(
        '[judge]\nname = "x"\n[protocols.pointwise]\nsystem = "s"\n'
        'user = "{criteria}{question}{candidates}"\n'
    )
    assert profile.decoding == Decoding()


def test_decoding_can_be_set_over_the_judges_own(judge_folder: Path) -> None:
    judge = open_judge(judge_folder, temperature=0.7, max_tokens=99)
    assert judge.profile.decoding == Decoding(temperature=0.7, max_tokens=99)


def test_unknown_decoding_field_is_refused(judge_folder: Path) -> None:
    with pytest.raises(JudgeFolderError, match="temprature"):
        open_judge(judge_folder, temprature=0.7)


# --- fingerprint --------------------------------------------------------------------------------


def test_fingerprint_is_sixteen_hex_digits_and_stable(judge_folder: Path) -> None:
    first = fingerprint(judge_folder)
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert fingerprint(judge_folder) == first


def test_fingerprint_does_not_depend_on_where_the_folder_is(judge_folder: Path) -> None:
    moved = judge_folder.with_name("elsewhere")
    shutil.copytree(judge_folder, moved)
    assert fingerprint(moved) == fingerprint(judge_folder)


def test_fingerprint_changes_with_the_prompts(judge_folder: Path) -> None:
    before = fingerprint(judge_folder)
    edit(judge_folder, "impartial", "strict")
    assert fingerprint(judge_folder) != before


def test_fingerprint_changes_with_the_decoding(judge_folder: Path) -> None:
    plain = open_judge(judge_folder).fingerprint("scripted")
    assert open_judge(judge_folder, temperature=0.5).fingerprint("scripted") != plain
    assert open_judge(judge_folder, seed=1).fingerprint("scripted") != plain


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_fingerprint_changes_with_the_weights(name: str, judge_folder: Path) -> None:
    (judge_folder / "model.safetensors").rename(judge_folder / name)
    before = fingerprint(judge_folder)
    (judge_folder / name).write_bytes(b"other weights")
    assert fingerprint(judge_folder) != before, f"other bytes in {name} give the same fingerprint"


def test_fingerprint_changes_with_the_files_of_the_weights(judge_folder: Path) -> None:
    before = fingerprint(judge_folder)
    (judge_folder / "model-2.safetensors").write_bytes(b"more")
    assert fingerprint(judge_folder) != before


def test_fingerprint_changes_with_the_engine(judge_folder: Path) -> None:
    assert fingerprint(judge_folder, "vllm/bfloat16") != fingerprint(judge_folder, "vllm/float32")


def test_fingerprint_of_a_hub_judge_tells_the_hub_ids_apart() -> None:
    profile = builtin_profile("default")
    one, two = JudgeFolder(profile, "owner/one"), JudgeFolder(profile, "owner/two")
    assert one.fingerprint("vllm") != two.fingerprint("vllm")
