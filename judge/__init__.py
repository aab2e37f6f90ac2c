"""A reasoning multimodal judge: asked with a rubric, it answers with reasoning and a score.

    request → prompt → engine → completion → verdict | unjudged

Importing this package loads neither torch nor vLLM; engines load on first use.
"""

from __future__ import annotations

from judge.errors import (
    EngineDeadError,
    EngineError,
    JudgeError,
    JudgeFolderError,
    MediaError,
    MissingExtraError,
    RequestError,
)
from judge.folder import Decoding, JudgeFolder, open_judge
from judge.judge import Judge
from judge.media import load_image
from judge.rows import request_from_row
from judge.rubrics import RUBRICS, Rubric, load_rubric
from judge.types import (
    Candidate,
    Completion,
    Image,
    JudgeRequest,
    Outcome,
    Prompt,
    Reason,
    Unjudged,
    Usage,
    Verdict,
)

__all__ = [
    "RUBRICS",
    "Candidate",
    "Completion",
    "Decoding",
    "EngineDeadError",
    "EngineError",
    "Image",
    "Judge",
    "JudgeError",
    "JudgeFolder",
    "JudgeFolderError",
    "JudgeRequest",
    "MediaError",
    "MissingExtraError",
    "Outcome",
    "Prompt",
    "Reason",
    "RequestError",
    "Rubric",
    "Unjudged",
    "Usage",
    "Verdict",
    "load_image",
    "load_rubric",
    "open_judge",
    "request_from_row",
]
