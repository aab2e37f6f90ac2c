"""What a captioning run leaves to look at: a page of pictures, captions and reasoning."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from judge.media import data_uri, load_image
from judge.nano.captions import accuracy
from rl_recipes.captioning.data import HeldOut
from rl_recipes.captioning.evaluate import Captioned

_PAGE = Path(__file__).parent / "samples.html"
_SHOWN_PIXELS = 168


def write_page(
    rows: Sequence[HeldOut],
    before: Sequence[Captioned],
    after: Sequence[Captioned],
    path: Path,
    count: int = 24,
) -> None:
    """A page of pictures with captions and the judge's reasoning, before and after."""
    shown = zip(rows[:count], before, after, strict=False)
    cards = [_card(index, row, first, last) for index, (row, first, last) in enumerate(shown)]
    path.write_text(
        _PAGE.read_text(encoding="utf-8").replace("{cards}", "\n".join(cards)), encoding="utf-8"
    )


def _card(index: int, row: HeldOut, before: Captioned, after: Captioned) -> str:
    picture = data_uri(load_image(row.picture))
    columns = _column("before", row, before) + _column("after", row, after)
    return (
        f"<article><figure><img src='{picture}' alt='picture {index}' width={_SHOWN_PIXELS}>"
        f"<figcaption>{html.escape(' / '.join(row.references))}</figcaption></figure>"
        f"{columns}</article>"
    )


def _column(name: str, row: HeldOut, shown: Captioned) -> str:
    judged = f"unjudged ({shown.reason})" if shown.reward is None else f"{shown.reward:.2f}"
    figures = f"judge's reward <b>{judged}</b>"
    if row.scene is not None:
        figures += f" · true accuracy <b>{accuracy(row.scene, shown.caption):.2f}</b>"
    return (
        f"<div><h3>{name}</h3><p class=caption>{html.escape(shown.caption) or '<i>(empty)</i>'}</p>"
        f"<p>{figures}</p><details><summary>the judge's reasoning</summary>"
        f"<pre>{html.escape(shown.rationale)}</pre></details></div>"
    )
