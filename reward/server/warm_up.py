"""The first judgement after an engine's start, which nobody waits for."""

from __future__ import annotations

import logging
from dataclasses import replace

from PIL import Image as Pillow

from judge import Candidate, Judge, JudgeRequest, Reason, Rubric, Unjudged, load_image
from judge.types import Part

logger = logging.getLogger(__name__)

WARM_UP = "This is a warm-up."
"""The question."""
_TOKENS = 16
_PIXELS = 112


async def warm_up(judge: Judge, rubric: Rubric) -> None:
    """Has the judge begin a reply, so that what it loads on first use is loaded.

    Raises:
        EngineDeadError: the engine died of it.
    """
    profile = judge.folder.profile
    question: tuple[Part, ...] = (WARM_UP,)
    if "image" in profile.modalities:
        question = (load_image(Pillow.new("RGB", (_PIXELS, _PIXELS), "gray")), WARM_UP)
    protocol = next(iter(profile.protocols))
    candidate = Candidate("Yes.")
    request = JudgeRequest(
        question,
        (candidate,) if protocol == "pointwise" else (candidate, candidate),
        rubric,
        protocol=protocol,
    )
    begun = replace(judge.decoding, max_tokens=_TOKENS, votes=1, reasks=0, soft=False)
    outcome = await judge.judge(request, begun)
    if isinstance(outcome, Unjudged) and outcome.reason is Reason.ENGINE_ERROR:
        logger.warning("the engine did not take the warm-up: %s", outcome.detail)
