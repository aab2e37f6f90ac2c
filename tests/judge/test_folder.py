"""A judge is a folder: which name opens it, what is refused, what its fingerprint tells."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from judge import Decoding, JudgeFolder, JudgeFolderError, open_judge
from judge.folder import builtin_profile
from judge.profile import parse_profile

PROFILES = ("default", "flex-judge", "nano-judge")


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
        ("jongwooko/Flex-VL-7B", "flex-judge"),
        ("jongwooko/flex-omni-7b", "flex-judge"),
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
        pytest.param("[protocols.pointwise]", "[other]", id="no-protocols"),
        pytest.param('system = """', 'sistem = """', id="misspelt-prompt"),
        pytest.param("temperature = 0.0", "temprature = 0.0", id="misspelt-decoding"),
        pytest.param("temperature = 0.0", "temperature = ", id="no-toml"),
        pytest.param("temperature = 0.0", 'temperature = "hot"', id="decoding-of-another-type"),
        pytest.param('stop = ["</answer>"]', 'stop = "</answer>"', id="stop-is-a-string"),
        pytest.param(
            'modalities = ["text", "image"]', 'modalities = "text"', id="modalities-string"
        ),
        pytest.param("{candidate}", "{answer}", id="unknown-placeholder"),
        pytest.param("{candidate}", "", id="candidate-not-shown"),
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


# --- profiles and decoding ----------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_builtin_profile_holds_together(name: str) -> None:
    profile = builtin_profile(name)
    prompts = profile.protocols["pointwise"]
    assert profile.name == name
    assert prompts.stop == ("</answer>",)
    for placeholder in ("{criteria}", "{question}", "{reference}", "{candidate}"):
        assert placeholder in prompts.user, f"{name}: {placeholder} is not in the user prompt"
    assert "{text}" in prompts.reference


def test_sections_of_a_builtin_prompt_are_set_apart_by_an_empty_line() -> None:
    for name in PROFILES:
        prompts = builtin_profile(name).protocols["pointwise"]
        text = prompts.user.replace("{reference}", prompts.reference)
        for heading in ("[Question]", "[Reference]", "[Assistant's Answer]", "[Your Judgement]"):
            assert f"\n\n{heading}" in text, f"{name}: no empty line before {heading} in:\n{text}"


def test_missing_decoding_takes_the_defaults() -> None:
    profile = parse_profile(
        '[judge]\nname = "x"\n[protocols.pointwise]\nsystem = "s"\n'
        'user = "{criteria}{question}{candidate}"\n'
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
