"""One reply of a judge: asked until it is whole, asked again where it cannot be read, softened."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from judge.engines import Engine
from judge.profile import MAX_VOTES, Decoding
from judge.protocols import JudgingProtocol
from judge.protocols.reply import Reply, is_complete, read_reply
from judge.soft import distribution
from judge.types import (
    Completion,
    JudgeRequest,
    NextToken,
    Outcome,
    Prompt,
    Reason,
    Unjudged,
    Usage,
    Verdict,
)

_RESUMPTIONS = 8
"""How often a reply is gone on with beyond its tags: each quoted closing tag stops it once."""
_REASK_TEMPERATURE = 0.6
_REASK_TOP_P = 0.95


async def ask(
    engine: Engine, protocol: JudgingProtocol, request: JudgeRequest, decoding: Decoding
) -> Outcome:
    """The outcome of one reply; an unread one is asked again ``decoding.reasks`` times at most.

    A greedy reply would come out the same again: re-asks sample at a temperature of at least 0.6,
    each with a seed of its own.

    Raises:
        EngineError, EngineDeadError: as the engine.
    """
    prompt = protocol.render(request)
    usage = Usage()
    for attempt in range(decoding.reasks + 1):
        sampling = decoding if attempt == 0 else _again(decoding, attempt)
        completion = await complete(engine, prompt, sampling, protocol.needed(request))
        outcome = protocol.parse(completion, request)
        if isinstance(outcome, Verdict) and decoding.soft:
            outcome = await _soften(engine, protocol, request, prompt, outcome, completion)
        usage += outcome.usage
        outcome = replace(outcome, usage=usage, reasks=attempt)
        if isinstance(outcome, Verdict):
            break
    return outcome


async def complete(engine: Engine, prompt: Prompt, decoding: Decoding, needed: int) -> Completion:
    """A reply with as many answer tags behind its reasoning as are needed, if it gets that far.

    An engine stops at the first closing tag. Where that tag was quoted inside the reasoning, or
    more answers are to come, the reply is gone on with from there (its prefix is cached).
    """
    text, usage, left = "", Usage(), decoding.max_tokens
    for _ in range(_RESUMPTIONS + needed):
        step = await engine.generate(
            replace(prompt, begun=prompt.begun + text), replace(decoding, max_tokens=left)
        )
        text, usage = text + step.text, usage + step.usage
        left -= step.usage.completion_tokens
        if step.finish != "stop" or is_complete(prompt.prefill + text, needed):
            return Completion(text, step.finish, usage)
        if left < 1:
            return Completion(text, "length", usage)
    return Completion(text, "stop", usage)


def _again(decoding: Decoding, attempt: int) -> Decoding:
    is_greedy = decoding.temperature < _REASK_TEMPERATURE
    return replace(
        decoding,
        temperature=_REASK_TEMPERATURE if is_greedy else decoding.temperature,
        top_p=min(decoding.top_p, _REASK_TOP_P),
        seed=decoding.seed + attempt * MAX_VOTES,
    )


async def _next_tokens(
    engine: Engine, prompt: Prompt, begun: str, in_tag: str
) -> tuple[NextToken, ...]:
    return await engine.next_tokens(replace(prompt, begun=begun + in_tag))


async def _soften(
    engine: Engine,
    protocol: JudgingProtocol,
    request: JudgeRequest,
    prompt: Prompt,
    verdict: Verdict,
    completion: Completion,
) -> Outcome:
    """The verdict with the expectation at each answer tag instead of the number written there."""
    reply = read_reply(verdict.reply, completion.finish, protocol.needed(request))
    assert isinstance(reply, Reply)  # the verdict was read from it
    opened = len(prompt.prefill)
    tags = []
    for opening in reply.openings[: protocol.needed(request)]:
        tags.append(
            await distribution(
                partial(_next_tokens, engine, prompt, verdict.reply[opened:opening]),
                is_answer=partial(protocol.is_answer, request=request),
                starts_answer=partial(protocol.starts_answer, request=request),
            )
        )
    soft = protocol.soften(tuple(tags), request)
    if soft is None:
        return Unjudged(
            Reason.OFF_SCALE_MASS,
            "none of the likely tokens at the answer tag leads to a value of the scale",
            verdict.reply,
            verdict.usage,
        )
    return replace(verdict, scores=tuple(each.value for each in soft), soft=soft)
