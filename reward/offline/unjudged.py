"""The rows of which something stayed unjudged, listed apart."""

from __future__ import annotations

import json

from reward.offline.records import RowRecord, unjudged_reasons
from reward.offline.sources import SourceRow

UNJUDGED = "unjudged.jsonl"


def unjudged_line(row: SourceRow, record: RowRecord) -> str:
    """The row as JSON: ``row`` (its number from 0), its ``id``, the different ``reasons``, and of
    each failure its ``detail`` and the judge's ``reply``, if there was one.
    """
    fields = {
        "row": row.number,
        "id": row.columns.get("id"),
        "reasons": unjudged_reasons(record),
        "failures": [
            {"reason": each.reason.value, "detail": each.detail, "reply": each.reply}
            for each in record.failures
        ],
    }
    return json.dumps(fields, default=str)
