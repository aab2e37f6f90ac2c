"""From samples as they were sent to requests that a judge takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from judge import Image, JudgeRequest, Reason, RequestError, Rubric, Unjudged, request_from_row
from reward.server.schemas import SampleIn
from reward.server.service import JudgeService


class UnseenError(Exception):
    """A picture of the sample is not there to be seen, for which it stays ``unjudged``."""

    def __init__(self, unjudged: Unjudged) -> None:
        super().__init__(unjudged.detail)
        self.unjudged = unjudged


async def to_requests(
    samples: Sequence[SampleIn], rubric: Rubric, service: JudgeService, deadline: float
) -> list[JudgeRequest | Unjudged]:
    """One request a sample, or why it cannot be judged.

    Args:
        samples: as they were sent.
        rubric: to judge them by.
        service: whose pictures and limits these are.
        deadline: on the event loop's clock, in seconds; pictures not there by then are not seen.

    Raises:
        MissingMediaError: the client has to upload pictures first.
    """
    names = (name for sample in samples for name in sample.images)
    images = await service.pictures.find(names, deadline)
    most = service.config.sample_chars
    return [_to_request(sample, rubric, images, most) for sample in samples]


def chosen_pictures(names: Sequence[str], images: Mapping[str, Image | Unjudged]) -> list[Image]:
    """The pictures of these names.

    Raises:
        UnseenError: one of them cannot be seen.
    """
    chosen = []
    for name in names:
        image = images[name]
        if isinstance(image, Unjudged):
            raise UnseenError(image)
        chosen.append(image)
    return chosen


def bounded(request: JudgeRequest, max_chars: int) -> JudgeRequest:
    """The request, if its texts together are not too long.

    Raises:
        RequestError: they are.
    """
    texts = [part for part in request.question if isinstance(part, str)]
    texts += [text for each in request.candidates for text in (each.text, each.molecule or "")]
    chars = sum(map(len, texts)) + len(request.reference or "")
    if chars > max_chars:
        raise RequestError(
            f"the sample has {chars} characters of text; this server's limit is {max_chars} "
            "(--sample-chars)"
        )
    return request


def _to_request(
    sample: SampleIn, rubric: Rubric, images: Mapping[str, Image | Unjudged], max_chars: int
) -> JudgeRequest | Unjudged:
    row = sample.model_dump(include={"prompt", "completion", "molecule", "reference"})
    try:
        pictures = chosen_pictures(sample.images, images)
        row |= {"id": sample.id or "", "images": pictures}
        return bounded(request_from_row(row, rubric), max_chars)
    except UnseenError as error:
        return error.unjudged
    except RequestError as error:
        return Unjudged(Reason.BAD_REQUEST, str(error))
