"""Curated rows for the trainer: read, checked, measured, and nothing of them cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from tqdm.auto import tqdm
from trl.data_utils import prepare_multimodal_messages

from judge.errors import RequestError
from judge.media import open_pixels
from judge.sft.samples import TRAIN, VALIDATION, ChatMessages, JudgingRow, read_rows
from judge.types import Image

_PORTION = 64
"""Rows whose tokens are counted at once."""


@dataclass(frozen=True, slots=True)
class JudgingData:
    """The rows of one file.

    ``tokens`` holds the length of each row in tokens of the chat template, reply included.
    ``too_long`` names the rows that were over the limit and are not among ``rows``.
    """

    rows: tuple[JudgingRow, ...]
    tokens: tuple[int, ...]
    too_long: tuple[str, ...]

    @property
    def shows_pictures(self) -> bool:
        return any(map(shows_pictures, self.rows))


def data_files(data: str, validation: str | None) -> tuple[Path, Path | None]:
    """The files of training rows and of held-out rows; the latter may be none.

    Args:
        data: a folder of curated rows, or a file of them.
        validation: a file of held-out rows, instead of the folder's own.
    """
    source = Path(data)
    train = source / TRAIN if source.is_dir() else source
    if validation is not None:
        return train, Path(validation)
    beside = source / VALIDATION
    has_rows = source.is_dir() and beside.is_file() and beside.stat().st_size > 0
    return train, beside if has_rows else None


def read_data(path: Path, processor: Any, max_length: int | None) -> JudgingData:
    """The rows of a file that are short enough.

    Args:
        path: a file of curated rows.
        processor: the base's processor or tokenizer, which knows the chat template.
        max_length: longest row in tokens; None: no limit.

    Raises:
        RequestError: the file holds something else than curated rows, a reply that does not state
            its row's scores, a chat template that leaves part of a reply out, or no row that is
            short enough.
    """
    rows = []
    for row in tqdm(read_rows(path), desc=f"checking {path.name}", unit="row", disable=None):
        row.check()
        rows.append(row)
    lengths = _lengths(rows, processor)
    kept, too_long = [], []
    for row, length in zip(rows, lengths, strict=True):
        if max_length is not None and length > max_length:
            too_long.append(row.id)
        else:
            kept.append((row, length))
    if not kept:
        least = f"; the shortest has {min(lengths)} tokens" if lengths else ""
        raise RequestError(
            f"{path} has no row left: of {len(rows)} rows {len(too_long)} are over the "
            f"limit of {max_length} tokens{least}. Give a larger --max_length, or other data"
        )
    return JudgingData(tuple(r for r, _ in kept), tuple(n for _, n in kept), tuple(too_long))


def make_dataset(data: JudgingData) -> Dataset:
    """The rows as TRL takes them: ``prompt``, ``completion``, and ``images`` where any row shows
    a picture. Nothing else of a row goes to the trainer.
    """
    if not data.shows_pictures:
        return Dataset.from_list(
            [{"prompt": row.prompt, "completion": row.completion} for row in data.rows]
        )
    return Dataset.from_list(
        [
            {
                "prompt": [_in_parts(message) for message in row.prompt],
                "completion": row.completion,
                "images": _pictures(row),
            }
            for row in data.rows
        ]
    )


def shows_pictures(row: JudgingRow) -> bool:
    """Whether the row's prompt has a place for a picture."""
    return any(
        part["type"] == "image"
        for message in row.prompt
        if not isinstance(message["content"], str)
        for part in message["content"]
    )


def _lengths(rows: Sequence[JudgingRow], processor: Any) -> list[int]:
    """Tokens of each row in the chat template."""
    tokenizer = getattr(processor, "tokenizer", processor)
    rendered: list[str] = []
    for row in rows:
        text = tokenizer.apply_chat_template(row.prompt + row.completion, tokenize=False)
        if _words(row.reply) not in _words(text):
            raise RequestError(
                f"row {row.id!r}: the base's chat template does not keep the whole reply, as some "
                "of reasoning models drop what is in <think>; give the base a chat template that "
                f"does. The reply ends {row.reply[-80:]!r}, the rendered row {text[-80:]!r}"
            )
        rendered.append(text)
    # In portions, as the ids of a whole dataset take far more memory than its text.
    portions = (rendered[start : start + _PORTION] for start in range(0, len(rendered), _PORTION))
    counts = [
        len(ids)
        for portion in portions
        for ids in tokenizer(portion, add_special_tokens=False)["input_ids"]
    ]
    return [
        _tokens_with_pictures(row, processor) if shows_pictures(row) else count
        for row, count in zip(rows, counts, strict=True)
    ]


def _words(text: str) -> str:
    """The text with its white space told alike: templates lay a reply out in their own way."""
    return " ".join(text.split())


def _tokens_with_pictures(row: JudgingRow, processor: Any) -> int:
    messages = prepare_multimodal_messages(row.prompt + row.completion, _pictures(row))
    made = processor.apply_chat_template(messages, tokenize=True, return_dict=True)
    (ids,) = made["input_ids"]
    return len(ids)


def _pictures(row: JudgingRow) -> list[Any]:
    question: Iterable[Any] = row.judge_request().question if shows_pictures(row) else ()
    return [open_pixels(part) for part in question if isinstance(part, Image)]


def _in_parts(message: dict[str, Any]) -> dict[str, Any]:
    """The message with its content as parts: a column of a dataset holds one kind of value."""
    content: str | ChatMessages = message["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return {"role": message["role"], "content": content}
