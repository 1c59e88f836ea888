from money import euros


def test_price() -> None:
    assert euros(3) == "3 EUR"
