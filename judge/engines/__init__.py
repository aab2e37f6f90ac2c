"""Engines: what turns a prompt into a reply.

An engine has one job, ``await engine.generate(prompt, decoding)``; batching comes from
calling it concurrently.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from judge.engines.base import Engine
from judge.engines.scripted import ScriptedEngine
from judge.errors import RequestError
from judge.folder import JudgeFolder

ENGINES = {
    "vllm": ("judge.engines.vllm", "VllmEngine"),
}
"""Engines that run a judge folder: module and class of each, imported when first used."""


def make_engine(name: str, folder: JudgeFolder, **options: Any) -> Engine:
    """The engine of that name for a judge folder, with the engine's own options.

    Raises:
        RequestError: no such engine.
        MissingExtraError: its package is not installed.
    """
    if name not in ENGINES:
        raise RequestError(f"no engine {name!r}: expected one of {', '.join(ENGINES)}")
    module, kind = ENGINES[name]
    engine: Engine = getattr(import_module(module), kind)(folder.weights, **options)
    return engine


__all__ = ["ENGINES", "Engine", "ScriptedEngine", "make_engine"]
