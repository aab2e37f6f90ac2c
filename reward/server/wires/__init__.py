"""The HTTP wires of frameworks that call a reward by their own format, under ``/v1/wires``.

Each is a translation onto the native endpoints, in a file of its own. What a call needs beyond the
framework's payload stands in the address that the user gives the framework:

    http://127.0.0.1:8471/v1/wires/openrlhf?rubric=helpfulness&unjudged=0.0
"""

from __future__ import annotations

from fastapi import APIRouter

from reward.server.wires import nemo_gym, openrlhf, slime

router = APIRouter(prefix="/v1/wires")
for _wire in (openrlhf, slime, nemo_gym):
    router.include_router(_wire.router)

__all__ = ["router"]
