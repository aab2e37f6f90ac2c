"""Settings of the adapters: arguments over environment; no number by default for the unjudged."""

from __future__ import annotations

import pickle

import pytest

from judge import Reason
from reward import Reward, RewardRequestError
from reward.adapters.core import Asker, Settings, asker, number, read_settings, read_unjudged
from reward.errors import UnjudgedError
from reward.wire import DEFAULT_DEADLINE_S, DEFAULT_URL

MISSING = Reward(None, reason=Reason.DEADLINE, detail="too late")


def test_arguments_over_environment_over_defaults(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FLEXREWARD_RUBRIC", "captioning")
    assert read_settings() == Settings(DEFAULT_URL, "captioning", DEFAULT_DEADLINE_S)
    assert read_settings(default_deadline_s=12).deadline_s == 12
    environment.setenv("FLEXREWARD_URL", "http://judge:1")
    environment.setenv("FLEXREWARD_DEADLINE_S", "7.5")
    assert read_settings(default_deadline_s=12) == Settings("http://judge:1", "captioning", 7.5)
    given = read_settings(url="http://other:2", rubric="helpfulness", deadline_s=3)
    assert given == Settings("http://other:2", "helpfulness", 3)


def test_a_rubric_has_to_be_named(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(RewardRequestError, match="FLEXREWARD_RUBRIC"):
        read_settings()


@pytest.mark.parametrize(
    ("given", "expected"), [(0.0, 0.0), ("-1", -1.0), ("0.25", 0.25), ("raise", "raise")]
)
def test_unjudged_by_argument_or_environment(
    environment: pytest.MonkeyPatch, given: float | str, expected: float | str
) -> None:
    assert read_unjudged(given) == expected
    environment.setenv("FLEXREWARD_UNJUDGED", str(given))
    assert read_unjudged() == expected
    assert read_unjudged(0.5) == 0.5


def test_there_is_no_number_by_default(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(RewardRequestError, match=r"FLEXREWARD_UNJUDGED.*0\.0.*'raise'"):
        read_unjudged()


@pytest.mark.parametrize("given", ["nan", "inf", "zero", float("nan")])
def test_what_is_no_finite_number_is_refused(given: float | str) -> None:
    with pytest.raises(RewardRequestError, match="finite number or 'raise', got"):
        read_unjudged(given)


def test_number() -> None:
    assert number(Reward(0.25), -1.0) == 0.25
    assert number(Reward(0.25), "raise") == 0.25
    assert number(MISSING, -1.0) == -1.0
    with pytest.raises(UnjudgedError, match=r"not judged \(deadline\): too late"):
        number(MISSING, "raise")


def test_one_asker_a_setting() -> None:
    settings = Settings(DEFAULT_URL, "captioning")
    assert asker(settings) is asker(Settings(DEFAULT_URL, "captioning"))
    assert asker(settings) is not asker(Settings(DEFAULT_URL, "helpfulness"))


def test_a_pickled_asker_keeps_its_settings_alone() -> None:
    copy = pickle.loads(pickle.dumps(Asker(Settings(DEFAULT_URL, "captioning", 3))))  # noqa: S301
    assert isinstance(copy, Asker)
    assert copy.settings == Settings(DEFAULT_URL, "captioning", 3)
