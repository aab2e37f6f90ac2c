"""Engines: what turns a prompt into a reply.

An engine has one job, ``await engine.generate(prompt, decoding)``; batching comes from
calling it concurrently.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from judge.encoders import open_encoder
from judge.engines.base import Engine, SleepingEngine, WatchedEngine
from judge.engines.scripted import ScriptedEngine
from judge.errors import RequestError
from judge.folder import JudgeFolder

ENGINES = {
    "vllm": ("judge.engines.vllm", "VllmEngine"),
    "openai": ("judge.engines.openai", "OpenaiEngine"),
    "transformers": ("judge.engines.transformers", "TransformersEngine"),
    "nano-teacher": ("judge.nano.teacher", "NanoTeacher"),
}
"""Engines that run a judge folder: module and class of each, imported when first used. The classes
document their options.
"""


def make_engine(name: str, folder: JudgeFolder, **options: Any) -> Engine:
    """The engine of that name for a judge folder, with the engine's own options.

    Raises:
        RequestError: no such engine, an option that it does not have, or a judge that shows
            molecules as embeddings and an engine that cannot.
        JudgeFolderError: the folder's molecule encoder cannot be loaded.
        MissingExtraError: its package is not installed.
    """
    if name not in ENGINES:
        raise RequestError(f"no engine {name!r}: expected one of {', '.join(ENGINES)}")
    module, kind = ENGINES[name]
    make = getattr(import_module(module), kind)
    parameters = signature(make).parameters
    _check_options(name, parameters, options)
    own = {"adapter": folder.adapter, "modalities": folder.profile.modalities}
    options.update({option: own[option] for option in _OF_THE_FOLDER if option in parameters})
    if folder.profile.molecules == "embeddings" and "molecule_encoder" not in options:
        if "molecule_encoder" not in parameters:
            raise RequestError(
                f"judge {folder.profile.name!r} shows molecules as embeddings, which the engine "
                f"{name!r} cannot; use the engine vllm"
            )
        options["molecule_encoder"] = open_encoder(folder)
    engine: Engine = make(folder.weights, **options)
    return engine


_OF_THE_FOLDER = ("adapter", "modalities")
"""Arguments that the judge folder decides: no options."""


def _check_options(
    name: str, parameters: Mapping[str, Parameter], options: Mapping[str, object]
) -> None:
    named = (each.name for each in parameters.values() if each.kind is Parameter.KEYWORD_ONLY)
    known = [option for option in named if option not in _OF_THE_FOLDER]
    passes_on = any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
    unknown = options.keys() - set(known)
    if unknown and (not passes_on or not unknown.isdisjoint(_OF_THE_FOLDER)):
        raise RequestError(
            f"the engine {name!r} has no option {', '.join(sorted(unknown))}: "
            f"expected {', '.join(known)}"
        )


__all__ = [
    "ENGINES",
    "Engine",
    "ScriptedEngine",
    "SleepingEngine",
    "WatchedEngine",
    "make_engine",
]
