from api import NAME


def test_name() -> None:
    assert NAME == "api"
