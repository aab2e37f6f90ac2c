"""From a dataset row to a judging request.

The columns of a row, all but a prompt (or media) and one kind of candidate optional:

    prompt                                  text, or chat messages as TRL has them
    image | images, video | videos, audio | audios
                                            one, or a list of them: what the prompt shows
    completion | molecule                   one candidate: text or messages; a SMILES string
    completions | molecules                 several: a list of them
    chosen, rejected                        two, in this order, as TRL's preference datasets have
    candidate_images                        a picture or a list of pictures for each candidate
    reference, id, rubric, protocol         a known good answer; the row's name; how to judge it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from judge.errors import MediaError, RequestError
from judge.media import load_audio, load_image, load_video
from judge.messages import is_messages, message_text
from judge.rubrics import Rubric, load_rubric
from judge.types import Candidate, JudgeRequest, Media, Part, ProtocolName

MediaKind = Literal["image", "video", "audio"]
MEDIA_KINDS: tuple[MediaKind, ...] = get_args(MediaKind)
PROTOCOL_NAMES: tuple[ProtocolName, ...] = get_args(ProtocolName)


@dataclass(frozen=True, slots=True)
class MediaSource:
    """Media as a row names it, not loaded: ``source`` is what the loader of its ``kind`` takes."""

    kind: MediaKind
    source: Any
    column: str


@dataclass(frozen=True, slots=True)
class RowCandidate:
    """A candidate as a row names it; see :class:`~judge.types.Candidate`."""

    text: str = ""
    molecule: str | None = None
    media: tuple[MediaSource, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A row whose columns have the right shapes, its media not loaded.

    ``prompt`` and ``id`` are empty and ``reference`` None where the row has none.
    """

    prompt: str
    media: tuple[MediaSource, ...]
    candidates: tuple[RowCandidate, ...]
    reference: str | None
    id: str
    protocol: ProtocolName


def request_from_row(
    row: Mapping[str, Any], rubric: Rubric | None = None, protocol: ProtocolName | None = None
) -> JudgeRequest:
    """The request in a row, its media loaded.

    Args:
        row: the columns above; others are left alone, and None is as good as no column. Media are
            as :func:`judge.media.load_image`, ``load_video`` and ``load_audio`` take them.
        rubric: the rubric for every row, instead of the row's ``rubric`` (a name).
        protocol: the protocol for every row, instead of the row's ``protocol``.

    Raises:
        RequestError: a column is missing or of another shape; the message names it.
        MediaError: media cannot be read; the message names the column.
    """
    if rubric is None:
        rubric = _own_rubric(row)
    read = read_row(row)
    question: tuple[Part, ...] = tuple(_load(source) for source in read.media)
    if read.prompt:
        question += (read.prompt,)
    return JudgeRequest(
        question=question,
        candidates=tuple(
            Candidate(each.text, each.molecule, tuple(_load(source) for source in each.media))
            for each in read.candidates
        ),
        rubric=rubric,
        reference=read.reference,
        id=read.id,
        protocol=protocol or read.protocol,
    )


def read_row(row: Mapping[str, Any]) -> Row:
    """The columns of a row, checked.

    Where the row names no protocol, one candidate is judged pointwise, two pairwise, more listwise.

    Raises:
        RequestError: a column is missing or of another shape; the message names it.
    """
    row = with_prompt_apart(row)
    prompt = "" if row.get("prompt") is None else message_text(row["prompt"], "prompt")
    media = tuple(source for kind in MEDIA_KINDS for source in _media(row, kind))
    if not prompt and not media:
        raise RequestError(
            "a row needs a 'prompt' or an 'image' (or 'video', 'audio'): there is nothing to judge "
            "against"
        )
    candidates = _candidates(row)
    return Row(
        prompt=prompt,
        media=media,
        candidates=candidates,
        reference=_text(row, "reference", "a string"),
        id="" if row.get("id") is None else str(row["id"]),
        protocol=_protocol(row, len(candidates)),
    )


def picture_sources(row: Mapping[str, Any]) -> list[Any]:
    """What stands in the row's ``images`` column, or else in its ``image`` column.

    Raises:
        RequestError: ``images`` is not a list.
    """
    return [each.source for each in _media(row, "image")]


def with_prompt_apart(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row, with the turns that begin both ``chosen`` and ``rejected`` taken out of them.

    Preference datasets often hold whole conversations there. The shared turns are the ``prompt``
    where the row has none, as in TRL. The last turn is never shared.
    """
    chosen, rejected, prompt = (row.get(name) for name in ("chosen", "rejected", "prompt"))
    if not is_messages(chosen) or not is_messages(rejected):
        return row
    if prompt is not None and chosen and chosen[0].get("role") == "assistant":
        return row  # an answer of several turns, whose first ones are part of it
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    return {
        **row,
        "prompt": chosen[:shared] if prompt is None else prompt,
        "chosen": chosen[shared:],
        "rejected": rejected[shared:],
    }


def _candidates(row: Mapping[str, Any]) -> tuple[RowCandidate, ...]:
    texts, molecules, pictures = _texts(row), _molecules(row), _candidate_pictures(row)
    counts = {len(each) for each in (texts, molecules, pictures) if each is not None}
    if not counts:
        raise RequestError(
            "a row needs 'completion' or 'molecule' (or 'completions', 'chosen' and 'rejected', "
            f"'molecules', 'candidate_images'), got the columns {sorted(row)}"
        )
    if len(counts) > 1 or 0 in counts:
        raise RequestError(
            "completions, molecules and 'candidate_images' of one row must be as many each, and "
            f"at least one; got {' and '.join(map(str, sorted(counts)))}"
        )
    (count,) = counts
    columns = (texts or ("",) * count, molecules or (None,) * count, pictures or ((),) * count)
    return tuple(RowCandidate(*each) for each in zip(*columns, strict=True))


def _texts(row: Mapping[str, Any]) -> tuple[str, ...] | None:
    names = ("completion", "completions", "chosen", "rejected")
    given = [name for name in names if row.get(name) is not None]
    if not given:
        return None
    if given == ["completions"]:
        return tuple(
            message_text(value, f"completions[{place}]")
            for place, value in enumerate(_list(row, "completions") or ())
        )
    if given in (["completion"], ["chosen", "rejected"]):
        return tuple(message_text(row[name], name) for name in given)
    raise RequestError(
        "candidates stand in 'completion', or in 'completions', or in 'chosen' and 'rejected'; "
        f"got {' and '.join(map(repr, given))}"
    )


def _molecules(row: Mapping[str, Any]) -> tuple[str, ...] | None:
    several = _list(row, "molecules")
    if several is None:
        molecule = _text(row, "molecule", "a SMILES string")
        return None if molecule is None else (molecule,)
    for place, value in enumerate(several):
        if not isinstance(value, str):
            raise RequestError(
                f"'molecules[{place}]' must be a SMILES string, got {type(value).__name__}"
            )
    return tuple(several)


def _candidate_pictures(row: Mapping[str, Any]) -> tuple[tuple[MediaSource, ...], ...] | None:
    candidates = _list(row, "candidate_images")
    if candidates is None:
        return None
    return tuple(
        tuple(
            MediaSource("image", picture, f"candidate_images[{place}]")
            for picture in (pictures if isinstance(pictures, list | tuple) else [pictures])
        )
        for place, pictures in enumerate(candidates)
    )


def _media(row: Mapping[str, Any], kind: MediaKind) -> tuple[MediaSource, ...]:
    several = _list(row, f"{kind}s")
    if several is not None:
        return tuple(MediaSource(kind, source, f"{kind}s") for source in several)
    one = row.get(kind)
    return () if one is None else (MediaSource(kind, one, kind),)


def _list(row: Mapping[str, Any], column: str) -> list[Any] | None:
    value = row.get(column)
    if value is None:
        return None
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise RequestError(f"{column!r} must be a list, got {type(value).__name__}")
    return list(value)


def _text(row: Mapping[str, Any], column: str, expected: str) -> str | None:
    value = row.get(column)
    if value is not None and not isinstance(value, str):
        raise RequestError(f"{column!r} must be {expected}, got {type(value).__name__}")
    return value


def _protocol(row: Mapping[str, Any], candidates: int) -> ProtocolName:
    name = row.get("protocol")
    if name is None:
        return "pointwise" if candidates == 1 else "pairwise" if candidates == 2 else "listwise"
    for known in PROTOCOL_NAMES:
        if name == known:
            return known
    raise RequestError(f"'protocol' must be one of {', '.join(PROTOCOL_NAMES)}, got {name!r}")


def _own_rubric(row: Mapping[str, Any]) -> Rubric:
    name = row.get("rubric")
    if not isinstance(name, str):
        raise RequestError("no rubric: name one, or give the row a 'rubric' column")
    return load_rubric(name)


def _load(media: MediaSource) -> Media:
    try:
        if media.kind == "image":
            return load_image(media.source)
        return load_video(media.source) if media.kind == "video" else load_audio(media.source)
    except MediaError as error:
        raise MediaError(f"{media.column!r}: {error}") from error
