from __future__ import annotations

import json
from pathlib import Path
from time import time

import pyarrow.parquet as pq
import pytest

from judge import Candidate, Image, request_from_row
from judge.tables import open_table
from judge.verdicts import Reason
from reward.cli import main
from reward.store.attempt import Attempt, Question
from reward.store.command import VARIABLE
from reward.store.verdict_store import VerdictStore
from tests.reward.store.cases import attempt, question, request, rows, unjudged, verdict


@pytest.fixture
async def filled(location: str) -> str:
    """A store with four judgements of two runs."""
    async with VerdictStore(location) as store:
        store.add(attempt("old \ud800", run="a", step=1, created_at=time() - 7200))
        store.add(attempt("x", run="a", step=2, judged_s=1.5))
        store.add(attempt("x", unjudged(), run="b"))
        store.add(attempt("y", unjudged(Reason.ENGINE_ERROR), run="b"))
        for _ in range(4):
            store.count_served(question("x").key)
    return location


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    return dict(json.loads(capsys.readouterr().out.splitlines()[-1]))


def test_stats(filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "stats", "--store", filled]) == 0
    out = capsys.readouterr().out
    assert "unjudged, no_answer: 1" in out
    figures = json.loads(out.splitlines()[-1])
    assert figures["rows"] == 4
    assert figures["verdicts"] == 2
    assert figures["unjudged"] == {"no_answer": 1, "engine_error": 1}
    assert figures["served"] == 4
    assert figures["hit_rate"] == 0.5
    assert figures["judged_s"] == 1.5
    assert figures["bytes"] == sum(row.size for row in rows(filled))
    assert figures["oldest"] < figures["newest"]
    assert {name: run["rows"] for name, run in figures["runs"].items()} == {"a": 2, "b": 2}
    assert figures["runs"]["a"]["hit_rate"] == 4 / 6
    assert figures["runs"]["b"]["verdicts"] == 0
    assert list(figures["judges"]) == ["judge-1"]


async def test_stats_of_an_empty_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await VerdictStore(tmp_path / "v.db").close()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "v.db"))
    assert main(["store", "stats"]) == 0
    figures = last_line(capsys)
    assert (figures["rows"], figures["hit_rate"], figures["oldest"]) == (0, None, None)


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_export(
    filled: str, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / f"rows.{suffix}"
    assert main(["store", "export", "--store", filled, "--output", str(target)]) == 0
    assert last_line(capsys) == {"rows": 4, "output": str(target)}
    exported = [row.columns for row in open_table(target).rows()]
    assert [row["completions"] for row in exported] == [["old \\ud800"], ["x"], ["x"], ["y"]]
    assert [row["run"] for row in exported] == ["a", "a", "b", "b"]
    assert [row["step"] for row in exported] == [1, 2, None, None]
    assert [row["served"] for row in exported] == [0, 4, 0, 0]
    assert exported[1]["reward"] == pytest.approx(6 / 9)
    assert exported[1]["judgement"]["score"] == 7.0
    assert exported[1]["judgement"]["reasoning"] == "as told"
    assert exported[2]["judgement"]["reason"] == "no_answer"
    assert exported[2]["reward"] is None
    assert not list(tmp_path.glob("*.part"))


def test_export_of_one_run(filled: str, tmp_path: Path) -> None:
    target = tmp_path / "b.jsonl"
    arguments = ["store", "export", "--store", filled, "--run", "b", "--output", str(target)]
    assert main(arguments) == 0
    assert [row.columns["run"] for row in open_table(target).rows()] == ["b", "b"]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
async def test_exported_rows_are_rows_to_be_judged(tmp_path: Path, suffix: str) -> None:
    asked = request(
        question=("Which is better?",),
        candidates=(Candidate("one"), Candidate("two")),
        reference="two",
        protocol="pairwise",
        id="n7",
    )
    molecule = request(candidates=(Candidate(molecule="CCO"),))
    async with VerdictStore(tmp_path / "v.db") as store:
        for each in (asked, molecule):
            store.add(Attempt(Question(each, "judge-1", question().decoding), unjudged()))
    target = tmp_path / f"rows.{suffix}"
    main(["store", "export", "--store", str(tmp_path / "v.db"), "--output", str(target)])
    read = [request_from_row(row.columns, asked.rubric) for row in open_table(target).rows()]
    assert read == [asked, molecule]


async def test_exported_media_are_named_by_hash(tmp_path: Path) -> None:
    image = Image(b"data", "a" * 64, 8, 8)
    asked = request(question=(image, "Q", image), candidates=(Candidate(media=(image,)),))
    async with VerdictStore(tmp_path / "v.db") as store:
        store.add(Attempt(Question(asked, "judge-1", question().decoding), verdict()))
    target = tmp_path / "rows.parquet"
    main(["store", "export", "--store", str(tmp_path / "v.db"), "--output", str(target)])
    (row,) = pq.read_table(target).to_pylist()
    name = "sha256:" + "a" * 64
    assert row["images"] == [name, name]
    assert row["candidate_images"] == [[name]]
    assert (row["prompt"], row["videos"], row["molecules"]) == ("Q", None, None)


def test_an_export_overwrites_nothing(
    filled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "rows.jsonl"
    target.write_text("mine", encoding="utf-8")
    assert main(["store", "export", "--store", filled, "--output", str(target)]) == 1
    assert "exists" in capsys.readouterr().err
    assert target.read_text(encoding="utf-8") == "mine"
    nowhere = str(tmp_path / "no" / "rows.jsonl")
    assert main(["store", "export", "--store", filled, "--output", nowhere]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_prune(filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    prune = ["store", "prune", "--store", filled, "--older-than", "1h"]
    assert main([*prune, "--dry-run"]) == 0
    size = rows(filled)[0].size
    assert last_line(capsys) == {"rows": 1, "bytes": size, "dry_run": True}
    assert len(rows(filled)) == 4
    assert main(prune) == 0
    assert last_line(capsys) == {"rows": 1, "bytes": size, "dry_run": False}
    assert main(["store", "prune", "--store", filled, "--max-size", "1kB"]) == 0
    assert len(rows(filled)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prune", "--store", "{store}"], "give --older-than AGE"),
        (["stats", "--store", "/nowhere/verdicts.db"], "no store at /nowhere/verdicts.db"),
        (["stats"], "name it by --store"),
    ],
)
async def test_errors_are_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    store = tmp_path / "v.db"
    await VerdictStore(store).close()
    assert main(["store", *(each.format(store=store) for each in arguments)]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_quantities_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["store", "prune", "--store", "x", "--older-than", "30"])
    assert "expected an age such as 12h" in capsys.readouterr().err
