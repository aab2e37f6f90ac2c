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
from judge.media import load_audio, load_image, load_video
from judge.rows import request_from_row
from judge.rubrics import RUBRICS, Rubric, load_rubric
from judge.scoring import ScoreReport, score_file
from judge.types import (
    Audio,
    Candidate,
    Completion,
    Image,
    JudgeRequest,
    Prompt,
    ProtocolName,
    Usage,
    Video,
)
from judge.verdicts import Outcome, Reason, SoftScore, Unjudged, Verdict

__all__ = [
    "RUBRICS",
    "Audio",
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
    "ProtocolName",
    "Reason",
    "RequestError",
    "Rubric",
    "ScoreReport",
    "SoftScore",
    "Unjudged",
    "Usage",
    "Verdict",
    "Video",
    "load_audio",
    "load_image",
    "load_rubric",
    "load_video",
    "open_judge",
    "request_from_row",
    "score_file",
]
