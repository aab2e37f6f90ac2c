"""Weak candidates for attacks to lift: of the nano world, or of a table of rows."""

from __future__ import annotations

import random
from itertools import islice

from judge.errors import RequestError
from judge.media import load_image
from judge.nano.captions import accuracy, corrupt
from judge.nano.scenes import draw_scene, render
from judge.nano.tasks import CAPTION_INSTRUCTION
from judge.rows import request_from_row
from judge.rubrics import Rubric
from judge.tables import open_table
from judge.types import Candidate, JudgeRequest

_WEAK = 0.4
"""Largest share of right details in a weak caption; none has nothing right."""


def nano_rows(rubric: Rubric, count: int, seed: int = 0) -> list[JudgeRequest]:
    """Weak captions of pictures of the synthetic world, from a stream that training does not draw
    from.
    """
    rng = random.Random(f"attacks/{seed}")
    requests: list[JudgeRequest] = []
    while len(requests) < count:
        scene = draw_scene(rng)
        text = corrupt(scene, rng)
        if 0 < accuracy(scene, text) <= _WEAK:
            question = (load_image(render(scene, rng)), CAPTION_INSTRUCTION)
            requests.append(JudgeRequest(question, (Candidate(text),), rubric))
    return requests


def table_rows(source: str, rubric: Rubric, count: int) -> list[JudgeRequest]:
    """The first rows of a table, as :func:`judge.tables.open_table` reads it; weak or not is the
    caller's choice.

    Raises:
        RequestError: no such table or no row in it, or a row that is not one text to be judged.
        MissingExtraError: as :func:`judge.tables.open_table`.
    """
    requests = []
    for number, row in enumerate(islice(open_table(source).rows(), count), start=1):
        try:
            if row.problem:
                raise RequestError(row.problem)
            request = request_from_row(row.columns, rubric)
        except RequestError as error:
            raise RequestError(f"{source}, row {number}: {error}") from error
        if len(request.candidates) != 1 or request.candidates[0].molecule is not None:
            raise RequestError(
                f"{source}, row {number}: attacks are on one text, give 'completion'"
            )
        requests.append(request)
    if not requests:
        raise RequestError(f"{source} holds no row: there is nothing to attack")
    return requests
