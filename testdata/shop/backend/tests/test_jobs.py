import asyncio

import pytest

from shop import migrate, receipt, sales, worker
from shop.store import Order


def test_receipt_shows_every_part_of_the_price():
    order = Order(7, "mug", 10, "ada@example.com", 123405, 6170, 23447)
    assert receipt.render(order) == (
        "Order 7\n"
        "10 x mug: 1,234.05 EUR\n"
        "Discount: -61.70 EUR\n"
        "VAT: 234.47 EUR\n"
        "Total: 1,406.82 EUR\n"
    )


def test_receipt_is_sent_once(memory):
    async def run():
        order = await memory.place_order("mug", 1, "ada@example.com")
        numbers = (order.id, order.id, order.id + 1)
        return [await worker.send_receipt({"store": memory}, number) for number in numbers]

    assert asyncio.run(run()) == ["sent", "already sent", "no such order"]


def test_sales_are_one_line_a_product():
    row = {"sku": 'mug, "blue"', "orders": 2, "quantity": 11, "total_cents": 11970}
    assert sales.as_csv([row]) == 'sku,orders,quantity,total_cents\n"mug, ""blue""",2,11,11970\n'


def test_migrating_without_a_database_fails_and_says_so(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(SystemExit, match="DATABASE_URL is not set"):
        migrate.main()
