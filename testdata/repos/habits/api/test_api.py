import pytest


def test_unit() -> None:
    assert 1 + 2 == 3


@pytest.mark.slow
def test_many() -> None:
    assert sum([1] * 1000) == 1000


@pytest.mark.integration
def test_outside() -> None:
    raise AssertionError("the project itself leaves this out")


@pytest.mark.slow
@pytest.mark.integration
def test_slow_outside() -> None:
    raise AssertionError("the project itself leaves this out")
