import pytest

from app.orders import total


def test_total() -> None:
    assert total([1, 2]) == 3


@pytest.mark.slow
def test_many() -> None:
    assert total([1] * 1000) == 1000
