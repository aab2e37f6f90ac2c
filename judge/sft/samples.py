"""A curated row: one judging sample that a judge is trained on, as a line of JSON.

id          unique in its folder
kind        "single", "pair", or "hard": an answer made to deserve the lowest score
protocol    how it is judged: "pointwise" or "pairwise"
rubric      name of a shipped rubric, or path of a .toml file
scale       [low, high] of the scores: the rubric's own, or halved
request     question and candidates in the columns of :mod:`judge.rows`
scores      the right scores, one a candidate
prompt      the judge's prompt as chat messages, as TRL takes it
completion  the judge's whole reply, as one message
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args

from judge.errors import RequestError
from judge.folder import FILE, builtin_profile, profile_path
from judge.profile import JudgeProfile, ProtocolPrompts, read_profile
from judge.protocols import PROTOCOLS
from judge.rows import request_from_row
from judge.rubrics import load_rubric
from judge.types import Completion, Image, JudgeRequest, Message, PromptPart, Segment
from judge.verdicts import Unjudged

Kind = Literal["single", "pair", "hard"]
Protocol = Literal["pointwise", "pairwise"]
ChatMessages = list[dict[str, Any]]
"""Messages of ``role`` and ``content``: a text, or TRL's parts where the question shows a picture.
"""

TRAIN, VALIDATION = "train.jsonl", "validation.jsonl"
"""Files of curated rows in their folder."""
ANSWER_FIRST = "<answer>"
"""A prefill that leaves no room for reasoning."""


@dataclass(frozen=True, slots=True)
class JudgingRow:
    """One curated row; its fields are the keys above."""

    id: str
    kind: Kind
    protocol: Protocol
    rubric: str
    scale: tuple[float, float]
    request: Mapping[str, Any]
    scores: tuple[float, ...]
    prompt: ChatMessages
    completion: ChatMessages

    @property
    def reply(self) -> str:
        return str(self.completion[0]["content"])

    def judge_request(self) -> JudgeRequest:
        """What a judge is to be asked.

        Raises:
            RequestError: the request or its rubric cannot be read.
        """
        return make_request(self.request, self.rubric, self.scale, self.protocol)

    def check(self) -> None:
        """Whether the reply states the row's own scores, as its protocol reads it.

        Raises:
            RequestError: it does not; the message names the row and tells the reply's end.
        """
        # The reply is whole, so a protocol without a prefill reads it.
        protocol = PROTOCOLS[self.protocol](ProtocolPrompts("", ""))
        outcome = protocol.parse(Completion(self.reply, "stop"), self.judge_request())
        if isinstance(outcome, Unjudged):
            found = f"{outcome.reason}, {outcome.detail}"
        elif outcome.scores != self.scores:
            found = f"the scores {outcome.scores}"
        else:
            return
        raise RequestError(
            f"row {self.id!r}: expected a reply with the scores {self.scores}, got {found}; "
            f"the reply ends {self.reply[-80:]!r}"
        )

    def to_json(self) -> str:
        """The row as one line, without its end."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> JudgingRow:
        """The row in a line.

        Raises:
            RequestError: the line holds none; the message says what was expected.
        """
        try:
            values = json.loads(line)
        except ValueError as error:
            raise RequestError(f"expected a JSON object, got {line[:80]!r} ({error})") from error
        names = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or values.keys() != names:
            found = sorted(values) if isinstance(values, dict) else type(values).__name__
            raise RequestError(f"expected an object of {', '.join(sorted(names))}, got {found}")
        _check_values(values)
        return cls(**{**values, "scale": tuple(values["scale"]), "scores": tuple(values["scores"])})


def make_request(
    request: Mapping[str, Any], rubric: str, scale: tuple[float, float], protocol: Protocol
) -> JudgeRequest:
    """The request in a curated row's fields.

    Raises:
        RequestError: the request or its rubric cannot be read.
    """
    on_scale = replace(load_rubric(rubric), scale=scale)
    return request_from_row(request, on_scale, protocol)


def make_row(
    *,
    id: str,
    kind: Kind,
    protocol: Protocol,
    rubric: str,
    scale: tuple[float, float],
    request: Mapping[str, Any],
    reasoning: str,
    scores: tuple[float, ...],
    profile: JudgeProfile,
) -> JudgingRow:
    """A row with its prompt and completion written out.

    Args:
        reasoning: what leads to the scores.
        profile: whose prompts; the other arguments are the row's fields.

    Raises:
        RequestError: the request cannot be read, the profile has no such protocol, or the reply
            would not be read as these scores.
    """
    asked = make_request(request, rubric, scale, protocol)
    prompt, completion = render_row(asked, reasoning, scores, profile)
    row = JudgingRow(id, kind, protocol, rubric, scale, request, scores, prompt, completion)
    row.check()
    return row


def render_row(
    request: JudgeRequest, reasoning: str, scores: tuple[float, ...], profile: JudgeProfile
) -> tuple[ChatMessages, ChatMessages]:
    """Prompt and completion of a sample, in the texts that the judge will be asked with.

    The completion is the whole reply, what opens it included. Where the profile opens the reply
    with the answer's tag (:data:`ANSWER_FIRST`), the reasoning is left out.

    Raises:
        RequestError: the profile lacks the protocol, or shows something besides text and the
            question's own pictures (drawn or embedded molecules, video, sound).
    """
    prompts = profile.protocols.get(request.protocol)
    if prompts is None:
        raise RequestError(
            f"profile {profile.name!r} has no [protocols.{request.protocol}]; "
            f"it has {', '.join(profile.protocols)}"
        )
    protocol = PROTOCOLS[request.protocol](prompts, profile.molecules)
    reply = protocol.format(reasoning, scores, request)
    if prompts.prefill == ANSWER_FIRST:
        reply = reply[reply.rindex("</think>") :].removeprefix("</think>").lstrip()
    messages = [_message(message, request) for message in protocol.render(request).messages]
    return messages, [{"role": "assistant", "content": reply}]


def load_profile(name_or_path: str) -> JudgeProfile:
    """The prompts of that name: a profile that ships, a ``judge.toml``, or a folder with one.

    Raises:
        JudgeFolderError: the file does not hold a profile.
        RequestError: there is none.
    """
    if profile_path(name_or_path).is_file():
        return builtin_profile(name_or_path)
    path = Path(name_or_path)
    for file in (path, path / FILE):
        if file.is_file():
            return read_profile(file)
    shipped = ", ".join(sorted(each.stem for each in profile_path("default").parent.glob("*.toml")))
    raise RequestError(
        f"no profile {name_or_path!r}: expected one of {shipped}, or the path of a {FILE}"
    )


def read_rows(path: Path) -> Iterator[JudgingRow]:
    """The rows of a file, in order.

    Raises:
        RequestError: no such file, or a line that holds no row; the message names both.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield JudgingRow.from_json(line)
                except RequestError as error:
                    raise RequestError(f"{path}, line {number}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(
            f"{path} cannot be read as curated rows: {error}; make them by flex-judge curate"
        ) from error


def write_rows(path: Path, rows: Sequence[JudgingRow]) -> None:
    """Writes the rows as a file that is there whole or not."""
    part = path.with_name(f"{path.name}.part")
    part.write_text("".join(f"{row.to_json()}\n" for row in rows), encoding="utf-8")
    part.replace(path)


def _message(message: Message, request: JudgeRequest) -> dict[str, Any]:
    for part in message.parts:
        if not isinstance(part, Segment) and not (
            isinstance(part, Image) and part in request.question
        ):
            raise RequestError(
                "a training row shows text and the question's pictures alone, and this one a "
                f"{type(part).__name__}; show molecules as cards"
            )
    if not any(isinstance(part, Image) for part in message.parts):
        return {"role": message.role, "content": _text(message.parts)}
    content: list[dict[str, str]] = []
    for is_text, parts in groupby(message.parts, lambda part: isinstance(part, Segment)):
        if is_text:
            content.append({"type": "text", "text": _text(parts)})
        else:
            content += [{"type": "image"} for _ in parts]
    return {"role": message.role, "content": content}


def _text(parts: Iterable[PromptPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Segment))


def _check_values(values: Mapping[str, Any]) -> None:
    expected = {
        "id": ("a string", isinstance(values["id"], str)),
        "kind": (f"one of {', '.join(get_args(Kind))}", values["kind"] in get_args(Kind)),
        "protocol": (
            f"one of {', '.join(get_args(Protocol))}",
            values["protocol"] in get_args(Protocol),
        ),
        "rubric": ("a string", isinstance(values["rubric"], str)),
        "scale": ("two numbers", _are_numbers(values["scale"]) and len(values["scale"]) == 2),
        "request": ("an object", isinstance(values["request"], dict)),
        "scores": ("a list of numbers", _are_numbers(values["scores"])),
        "prompt": ("a list of messages", _are_messages(values["prompt"])),
        "completion": (
            "one message of text",
            _are_messages(values["completion"])
            and len(values["completion"]) == 1
            and isinstance(values["completion"][0]["content"], str),
        ),
    }
    for name, (kind, is_right) in expected.items():
        if not is_right:
            raise RequestError(f"{name!r} has to be {kind}, got {str(values[name])[:80]!r}")


def _are_numbers(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in value
    )


def _are_messages(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict) and {"role", "content"} <= each.keys() for each in value
    )
