import pytest

from shop.pricing import Price, price


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        (1, Price(999, 0, 200)),
        (9, Price(8991, 0, 1798)),
        (10, Price(9990, 500, 1898)),
        (49, Price(48951, 2448, 9301)),
        (50, Price(49950, 4995, 8991)),
    ],
)
def test_bulk_discount_starts_at_ten_and_at_fifty(quantity, expected):
    assert price(999, quantity) == expected


def test_half_a_cent_is_rounded_up():
    assert price(5, 1, vat_percent=10).vat_cents == 1
    assert price(4, 1, vat_percent=10).vat_cents == 0


@pytest.mark.parametrize(("unit_cents", "quantity"), [(-1, 1), (100, 0), (100, -3)])
def test_nonsense_is_refused(unit_cents, quantity):
    with pytest.raises(ValueError, match="must"):
        price(unit_cents, quantity)


@pytest.mark.slow
def test_parts_add_up_for_every_small_order():
    for unit_cents in range(0, 2000, 2):
        for quantity in range(1, 120):
            parts = price(unit_cents, quantity)
            gross = parts.net_cents - parts.discount_cents + parts.vat_cents
            assert parts.total_cents == gross
            assert 0 <= parts.discount_cents <= parts.net_cents
            assert parts.total_cents >= parts.net_cents
