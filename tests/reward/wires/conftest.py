"""What the wires carry."""

from __future__ import annotations

import base64
import io

import pytest

from tests.reward.harness import picture


@pytest.fixture
def data_uri() -> str:
    """A picture."""
    file = io.BytesIO()
    picture().save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
