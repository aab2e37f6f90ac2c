"""What the server counts, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from judge import JudgeRequest, Unjudged
from reward.server.judged import Judged

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_TENTHS = tuple(tenth / 10 for tenth in range(11))


@dataclass(frozen=True, slots=True)
class Now:
    """What is so at this moment: samples ``waiting`` and ``in_flight``, whether the server is
    ``ready``, engine ``restarts`` so far, and the last canaries' ``drift`` (points of their scale)
    and how many of them ``drifted``.
    """

    waiting: int
    in_flight: int
    ready: bool
    restarts: int
    drift: float
    drifted: int


class Metrics:
    """The server's metrics, in a registry of their own.

    Args:
        now: is asked at each scrape.
    """

    def __init__(self, now: Callable[[], Now]) -> None:
        self._registry = registry = CollectorRegistry()
        registry.register(_NowCollector(now))
        self._requests = Counter(
            "flexreward_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "flexreward_http_request_seconds",
            "Time to answer a request.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._queue_seconds = Histogram(
            "flexreward_queue_seconds",
            "Time a sample waited for its turn.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._judge_seconds = Histogram(
            "flexreward_judge_seconds",
            "Time a sample took in the judge, those served from the store left out.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._samples = Counter(
            "flexreward_samples", "Samples answered, judged or not.", registry=registry
        )
        self._unjudged = Counter(
            "flexreward_unjudged", "Samples without a verdict.", ["reason"], registry=registry
        )
        self._hits = Counter(
            "flexreward_cache_hits", "Samples served from the verdict store.", registry=registry
        )
        tokens = Counter(
            "flexreward_tokens",
            "Tokens of judgements: prompt, completion, and cached ones of the prompt.",
            ["kind"],
            registry=registry,
        )
        self._prompt_tokens = tokens.labels("prompt")
        self._completion_tokens = tokens.labels("completion")
        self._cached_tokens = tokens.labels("cached")
        self._rewards = Histogram(
            "flexreward_reward",
            "Rewards, by their place in the rubric's range (0 lowest, 1 highest).",
            ["rubric"],
            buckets=_TENTHS,
            registry=registry,
        )
        self._groups = Counter(
            "flexreward_groups", "Judged samples of a request with one prompt.", registry=registry
        )
        self._zero_variance = Counter(
            "flexreward_zero_variance_groups",
            "Groups whose rewards are all equal: they teach a policy nothing.",
            registry=registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; ``route`` is the path with names in place of values."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def judged(self, requests: Sequence[JudgeRequest | Unjudged], judged: Sequence[Judged]) -> None:
        """The samples of one request are done; both lists are in the same order."""
        groups: dict[tuple[object, ...], list[float]] = {}
        for request, each in zip(requests, judged, strict=True):
            self._judged_one(each)
            outcome = each.outcome
            if isinstance(request, Unjudged) or isinstance(outcome, Unjudged):
                continue
            if len(outcome.scores) == 1:
                low, high = outcome.scale
                height = (outcome.score - low) / (high - low)
                self._rewards.labels(request.rubric.name).observe(height)
                groups.setdefault(_prompt(request), []).append(outcome.score)
        for scores in groups.values():
            if len(scores) > 1:
                self._groups.inc()
                self._zero_variance.inc(len(set(scores)) == 1)

    def add(self, collector: Collector) -> None:
        """Shows another part's figures beside these."""
        self._registry.register(collector)

    def text(self) -> bytes:
        """All metrics, those of the process behind them: vLLM's, where it runs in it."""
        return generate_latest(self._registry) + generate_latest(PROCESS_REGISTRY)

    def _judged_one(self, judged: Judged) -> None:
        outcome = judged.outcome
        self._samples.inc()
        if isinstance(outcome, Unjudged):
            self._unjudged.labels(outcome.reason.value).inc()
        if judged.cached:
            self._hits.inc()
            return
        self._queue_seconds.observe(judged.queued_s)
        if judged.judged_s:
            self._judge_seconds.observe(judged.judged_s)
        usage = outcome.usage
        self._prompt_tokens.inc(usage.prompt_tokens)
        self._completion_tokens.inc(usage.completion_tokens)
        self._cached_tokens.inc(usage.cached_tokens)


class _NowCollector(Collector):
    def __init__(self, now: Callable[[], Now]) -> None:
        self._now = now

    def collect(self) -> Iterable[Metric]:
        now = self._now()
        yield GaugeMetricFamily("flexreward_queue_samples", "Samples waiting.", now.waiting)
        yield GaugeMetricFamily("flexreward_in_flight_samples", "Samples judged.", now.in_flight)
        yield GaugeMetricFamily("flexreward_ready", "1 where rewards are given.", now.ready)
        yield CounterMetricFamily(
            "flexreward_engine_restarts", "Restarts of a dead engine.", value=now.restarts
        )
        yield GaugeMetricFamily(
            "flexreward_canary_drift", "Greatest drift of a canary, in points.", now.drift
        )
        yield GaugeMetricFamily("flexreward_canaries_drifted", "Canaries that drift.", now.drifted)


def _prompt(request: JudgeRequest) -> tuple[object, ...]:
    """What tells one prompt from another; pictures by their hash, as comparing bytes takes long."""
    return (
        request.rubric.name,
        *(part if isinstance(part, str) else part.sha256 for part in request.question),
    )
