from importlib.metadata import version

import pytest

import shop


@pytest.mark.unit
def test_environment(pinned: str) -> None:
    assert (shop.KEY, shop.MODE, version("iniconfig")) == ("not a secret", "test", pinned)
