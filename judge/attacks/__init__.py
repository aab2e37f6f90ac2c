"""Hostile candidates: a corpus of attacks, and how much a judge's scores rise under them.

What must not be is tested: no attack changes the form of a prompt. What can be is measured, by
``flex-judge attack``. Both are told of in ``docs/attacks.md``.
"""
