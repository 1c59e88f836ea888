from api import main


def test_version_and_price() -> None:
    assert main() == "1.4.0 costs 3 EUR"
