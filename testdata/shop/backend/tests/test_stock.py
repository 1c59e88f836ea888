import pytest

from shop.stock import OutOfStock, needs_reorder, reserve


def test_the_last_item_can_be_bought():
    assert reserve(3, 3) == 0


def test_one_too_many_is_refused_with_both_numbers():
    with pytest.raises(OutOfStock, match="only 3 left, 4 wanted"):
        reserve(3, 4)


def test_nothing_is_not_an_order():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        reserve(3, 0)


def test_reorder_starts_below_five():
    assert [needs_reorder(left) for left in (4, 5)] == [True, False]
