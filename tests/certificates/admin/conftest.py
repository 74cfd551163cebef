"""Oscar, who is an operator and signed in."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def oscar(client, operator) -> Any:
    client.force_login(operator)
    return client
