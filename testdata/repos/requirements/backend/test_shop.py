from importlib.metadata import version

import shop


def test_environment() -> None:
    assert (shop.KEY, shop.MODE, version("iniconfig")) == ("not a secret", "test", "2.0.0")
