from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from judge import Judge, JudgeRequest, load_rubric
from judge.engines import ScriptedEngine
from judge.types import Candidate
from reward.errors import ServerConfigError
from reward.server.canary import Canary, CanaryWatch, read_canaries
from tests.reward.harness import TestEngine, eventually, make_judge
from tests.reward.server.asking import body, client, state
from tests.reward.server.conftest import Serve

RUBRICS = {"captioning": load_rubric("captioning")}


class Drifting(ScriptedEngine):
    """Gives ``score`` to everything, or no score at all."""

    def __init__(self) -> None:
        super().__init__(lambda _: f"<think>\n…\n</think>\n<answer>{self.score}</answer>")
        self.score: float | str = 7


def canary(name: str = "one", scores: tuple[float, ...] | None = None) -> Canary:
    request = JudgeRequest(("Rate.",), (Candidate("This."),), RUBRICS["captioning"], id=name)
    return Canary(request, scores)


def watch(judge: Judge, folder: Path, *canaries: Canary) -> CanaryWatch:
    return CanaryWatch(judge, canaries or (canary(),), folder / "scores.json", 0.5)


async def test_later_rounds_are_compared_with_the_first(tmp_path: Path) -> None:
    engine = Drifting()
    judge = make_judge(tmp_path / "judge", engine)
    first = await watch(judge, tmp_path).check(60)
    assert (first.drift, first.drifted) == (0, ())
    engine.score = 4
    later = watch(judge, tmp_path)  # of another process: the scores were kept
    report = await later.check(60)
    assert later.report is report
    assert (report.drift, report.drifted, report.unjudged) == (3, ("one",), ())
    engine.score = 7
    assert (await later.check(60)).drifted == ()


async def test_another_judge_begins_anew(tmp_path: Path) -> None:
    engine, other = Drifting(), Drifting()
    other.score = 2
    other.identity = "another"
    await watch(make_judge(tmp_path / "judge", engine), tmp_path).check(60)
    watching = watch(make_judge(tmp_path / "judge", other), tmp_path)
    assert (await watching.check(60)).drifted == ()
    assert len(json.loads((tmp_path / "scores.json").read_text())) == 2


async def test_scores_of_the_file_go_before_those_of_the_first_round(tmp_path: Path) -> None:
    judge = make_judge(tmp_path / "judge", Drifting())
    report = await watch(judge, tmp_path, canary("a", (9.0,)), canary("b", (7.4,))).check(60)
    assert (report.drift, report.drifted) == (2, ("a",))
    assert not (tmp_path / "scores.json").exists()


async def test_a_canary_that_is_not_judged_has_drifted(tmp_path: Path) -> None:
    engine = Drifting()
    engine.score = "none"
    report = await watch(make_judge(tmp_path / "judge", engine), tmp_path).check(60)
    assert (report.drift, report.drifted, report.unjudged) == (0, ("one",), ("one",))


async def test_a_canary_that_takes_too_long_is_unjudged(tmp_path: Path) -> None:
    engine = TestEngine()
    request = JudgeRequest(("hang",), (Candidate("This."),), RUBRICS["captioning"], id="slow")
    watching = watch(make_judge(tmp_path / "judge", engine), tmp_path, Canary(request))
    assert (await watching.check(0.1)).unjudged == ("slow",)
    assert engine.cancelled == 1


async def test_canaries_are_judged_greedily(tmp_path: Path) -> None:
    seen = []

    class Noting(TestEngine):
        async def generate(self, prompt, decoding):  # type: ignore[no-untyped-def]
            seen.append(decoding)
            return await super().generate(prompt, decoding)

    judge = make_judge(tmp_path / "judge", Noting(), temperature=0.7, votes=3)
    request = JudgeRequest(("score=5",), (Candidate("This."),), RUBRICS["captioning"], id="one")
    await watch(judge, tmp_path, Canary(request)).check(60)
    assert [(each.temperature, each.votes) for each in seen] == [(0.0, 1)]


@pytest.mark.parametrize("content", ["not json", "[]"])
async def test_kept_scores_that_cannot_be_read_do_no_harm(content: str, tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text(content)
    judge = make_judge(tmp_path / "judge", Drifting())
    assert (await watch(judge, tmp_path).check(60)).drifted == ()


async def test_scores_that_cannot_be_kept_do_no_harm(tmp_path: Path) -> None:
    judge = make_judge(tmp_path / "judge", Drifting())
    watching = CanaryWatch(judge, [canary()], tmp_path / "nowhere" / "scores.json", 0.5)
    assert (await watching.check(60)).drifted == ()


ROWS = [
    {"id": "good", "rubric": "captioning", "prompt": "Rate.", "completion": "This.", "score": 7},
    {"rubric": "captioning", "prompt": "Rate.", "completions": ["A.", "B."], "scores": [7, 3]},
    {"rubric": "captioning", "prompt": "Rate.", "completion": "That."},
]


@pytest.mark.parametrize("suffix", [".jsonl", ".yaml"])
def test_a_file_of_canaries_is_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"canaries{suffix}"
    lines = "\n".join(map(json.dumps, ROWS))
    path.write_text(lines if suffix == ".jsonl" else json.dumps(ROWS))
    canaries = read_canaries(path, RUBRICS)
    assert [each.request.id for each in canaries] == ["good", "2", "3"]
    assert [each.scores for each in canaries] == [(7.0,), (7.0, 3.0), None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("]", "cannot be read"),
        ("", "holds no canaries"),
        ("- text", "holds no canaries"),
        ("{}", "holds no canaries"),
        ("- {rubric: nope, prompt: a, completion: b}", "canary 1 .*unknown rubric 'nope'"),
        ("- {rubric: captioning, completion: b}", "canary 1 .*needs a 'prompt'"),
        ("- {rubric: captioning, prompt: a, completion: b, score: high}", "canary 1 .*'high'"),
        ("- {rubric: captioning, prompt: a, completion: b, scores: [1, 2]}", "2 scores for 1"),
        (
            "- &a {rubric: captioning, id: x, prompt: a, completion: b}\n- *a",
            "ids of their own",
        ),
    ],
)
def test_a_file_that_holds_none_is_refused(
    content: str | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "canaries.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ServerConfigError, match=message):
        read_canaries(path, RUBRICS)


async def test_a_server_tells_of_drift_and_refuses_where_so_set(
    serve: Serve, tmp_path: Path
) -> None:
    file = tmp_path / "canaries.jsonl"
    file.write_text("\n".join(map(json.dumps, (ROWS[0], ROWS[2]))))
    engine = Drifting()
    server = serve(engine, canary_file=file, canary_every_s=0.05, refuse_on_drift=True)
    async with client(server.url) as http:
        assert await state(http) == "ready"
        assert (tmp_path / "canaries.jsonl.scores.json").exists()
        engine.score = 5
        await eventually(lambda: server.service.state == "drifted")
        refused = await http.post("/v1/rewards", json=body("score=10"))
        assert (refused.status_code, refused.json()["state"]) == (503, "drifted")
        assert "good" in refused.json()["detail"]
        canaries = (await http.get("/v1/info")).json()["canaries"]
        assert canaries["drift"] == 2
        assert canaries["drifted"] == ["good", "2"]
        metrics = (await http.get("/metrics")).text
        assert "flexreward_canary_drift 2.0" in metrics
        assert "flexreward_canaries_drifted 2.0" in metrics
        engine.score = 7
        await eventually(lambda: server.service.state == "ready")


async def test_drift_alone_refuses_nobody(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "canaries.jsonl"
    file.write_text(json.dumps({**ROWS[0], "score": 1}))
    async with client(serve(Drifting(), canary_file=file).url) as http:
        assert await state(http) == "ready"
        assert (await http.get("/v1/info")).json()["canaries"]["drift"] == 6
        assert (await http.post("/v1/rewards", json=body("score=10"))).status_code == 200


async def test_canaries_wait_while_the_engine_is_away(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "canaries.jsonl"
    file.write_text(json.dumps(ROWS[0]))
    engine = Drifting()
    server = serve(engine, canary_file=file, canary_every_s=0.05)
    server.service.supervisor.state = "asleep"
    await asyncio.sleep(0.2)  # for a round under way to end
    asked = len(engine.prompts)
    await asyncio.sleep(0.2)
    assert len(engine.prompts) == asked
    server.service.supervisor.state = "ready"
    await eventually(lambda: len(engine.prompts) > asked)
