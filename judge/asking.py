"""One reply of a judge: asked until it is whole, asked again where it cannot be read, softened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from judge.engines import Engine
from judge.profile import MAX_VOTES, Decoding
from judge.protocols import JudgingProtocol
from judge.protocols.reply import Reply, is_complete, read_reply
from judge.soft import distribution
from judge.types import Completion, JudgeRequest, NextToken, Prompt, Usage
from judge.verdicts import Outcome, Reason, Unjudged, Verdict

_RESUMPTIONS = 8
"""How often a reply is gone on with beyond its tags: each quoted closing tag stops it once."""
_REASK_TEMPERATURE = 0.6
_REASK_TOP_P = 0.95


@dataclass(frozen=True, slots=True)
class Asking:
    """A request on its way through an engine by a protocol."""

    engine: Engine
    protocol: JudgingProtocol
    request: JudgeRequest

    async def outcome(self, decoding: Decoding) -> Outcome:
        """The outcome of one reply; an unread one is asked again ``decoding.reasks`` times at most.

        A greedy reply would come out the same again: re-asks sample at a temperature of at least
        0.6, each with a seed of its own.

        Raises:
            RequestError: the protocol does not take the request.
            EngineError, EngineDeadError: as the engine.
        """
        prompt = self.protocol.render(self.request)
        usage = Usage()
        for attempt in range(decoding.reasks + 1):
            sampling = decoding if attempt == 0 else _again(decoding, attempt)
            completion = await self._complete(prompt, sampling)
            outcome = self.protocol.parse(completion, self.request)
            if isinstance(outcome, Verdict) and decoding.soft:
                outcome = await self._soften(prompt, outcome)
            usage += outcome.usage
            outcome = replace(outcome, usage=usage, reasks=attempt)
            if isinstance(outcome, Verdict):
                break
        return outcome

    async def _complete(self, prompt: Prompt, decoding: Decoding) -> Completion:
        """A reply with the answer tags that the protocol needs, if it gets that far.

        An engine stops at the first closing tag. Where that tag was quoted inside the reasoning,
        or more answers are to come, the reply is gone on with from there (its prefix is cached).
        """
        needed = self.protocol.needed(self.request)
        text, usage, left = "", Usage(), decoding.max_tokens
        for _ in range(_RESUMPTIONS + needed):
            step = await self.engine.generate(
                replace(prompt, begun=text), replace(decoding, max_tokens=left)
            )
            text, usage = text + step.text, usage + step.usage
            left -= step.usage.completion_tokens
            if step.finish != "stop" or is_complete(prompt.prefill + text, needed):
                return Completion(text, step.finish, usage)
            if left < 1:
                return Completion(text, "length", usage)
        return Completion(text, "stop", usage)

    async def _soften(self, prompt: Prompt, verdict: Verdict) -> Outcome:
        """The verdict with the expectation at each answer tag instead of the number there."""
        needed = self.protocol.needed(self.request)
        reply = read_reply(verdict.reply, "stop", needed)
        assert isinstance(reply, Reply)  # the verdict was read from it
        begun = [verdict.reply[len(prompt.prefill) : end] for end in reply.openings[:needed]]
        tags = [
            await distribution(
                partial(self._next_tokens, prompt, text),
                is_answer=partial(self.protocol.is_answer, request=self.request),
                starts_answer=partial(self.protocol.starts_answer, request=self.request),
            )
            for text in begun
        ]
        soft = self.protocol.soften(tuple(tags), self.request)
        if soft is None:
            return Unjudged(
                Reason.OFF_SCALE_MASS,
                "none of the likely tokens at the answer tag leads to a value of the scale",
                verdict.reply,
                verdict.usage,
            )
        return replace(verdict, scores=tuple(each.value for each in soft), soft=soft)

    async def _next_tokens(self, prompt: Prompt, begun: str, in_tag: str) -> tuple[NextToken, ...]:
        return await self.engine.next_tokens(replace(prompt, begun=begun + in_tag))


def _again(decoding: Decoding, attempt: int) -> Decoding:
    return replace(
        decoding,
        temperature=max(decoding.temperature, _REASK_TEMPERATURE),
        top_p=min(decoding.top_p, _REASK_TOP_P),
        seed=decoding.seed + attempt * MAX_VOTES,
    )
