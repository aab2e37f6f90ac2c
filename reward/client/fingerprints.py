"""Whether all rewards of a client come from one judge."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)


class Fingerprints:
    """The judges that have answered so far, by their fingerprints."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def note(self, fingerprint: str, url: str) -> None:
        """Warns of a judge that is not the one before, once each."""
        if fingerprint in self._seen:
            return
        if self._seen:
            before, where = list(self._seen.items())[-1]
            logger.warning(
                "another judge answers: %s at %s, and before %s at %s; their rewards are not "
                "comparable",
                fingerprint,
                url,
                before,
                where,
            )
        self._seen[fingerprint] = url
