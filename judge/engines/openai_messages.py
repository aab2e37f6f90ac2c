"""A prompt as messages of OpenAI's chat completions."""

from __future__ import annotations

import base64
from typing import Any

from judge.engines.spellings import break_special_tokens
from judge.errors import EngineError
from judge.media import data_uri, wav_bytes
from judge.types import Audio, Image, Media, Message, MoleculeSlot, Prompt, Segment


def chat_messages(prompt: Prompt, *, continues: bool) -> list[dict[str, Any]]:
    """The prompt's messages; where its reply is opened or begun, that is the last of them.

    Untrusted texts, and what the judge has written so far, are sent with the special tokens that
    they spell broken: see :func:`~judge.engines.spellings.break_special_tokens`.

    Args:
        prompt: what to send.
        continues: whether the server goes on from a reply.

    Raises:
        EngineError: the server does not and would have to, or a part that it cannot be sent.
    """
    messages = [{"role": each.role, "content": _content(each)} for each in prompt.messages]
    opened = prompt.prefill + break_special_tokens(prompt.begun)
    if not opened:
        return messages
    if not continues:
        raise EngineError(
            "this server is not known to go on from a reply, which starts here with "
            f"{opened[:40]!r}: serve the judge by vLLM, give the engine option continues=true if "
            "the server takes vLLM's continue_final_message, or use a judge.toml without prefill"
        )
    return [*messages, {"role": "assistant", "content": opened}]


def _content(message: Message) -> str | list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for part in message.parts:
        if not isinstance(part, Segment):
            parts.append(_medium(part))
            continue
        text = part.text if part.trusted else break_special_tokens(part.text)
        if parts and parts[-1]["type"] == "text":
            parts[-1] = {"type": "text", "text": parts[-1]["text"] + text}
        else:
            parts.append({"type": "text", "text": text})
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)  # servers of text-only models take no list
    return parts


def _medium(part: Media | MoleculeSlot) -> dict[str, Any]:
    if isinstance(part, Image):
        return {"type": "image_url", "image_url": {"url": data_uri(part)}}
    if isinstance(part, Audio):
        data = base64.b64encode(wav_bytes(part)).decode()
        return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    raise EngineError(
        "the openai engine sends text, pictures and recordings, "
        f"not a {type(part).__name__}; use the engine vllm"
    )
