import pytest


@pytest.fixture
def pinned() -> str:
    return "2.0.0"
