"""Engines: what turns a prompt into a reply.

An engine has one job, ``await engine.generate(prompt, decoding)``; batching comes from
calling it concurrently.
"""

from __future__ import annotations

from judge.engines.base import Engine
from judge.engines.scripted import ScriptedEngine

__all__ = ["Engine", "ScriptedEngine"]
