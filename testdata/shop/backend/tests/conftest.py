"""What the tests share. Each test of the database gets a schema of its own."""

import asyncio
import os
import secrets
from collections.abc import Iterator

import asyncpg
import pytest

from shop import migrate, pricing, stock
from shop.store import Order, Product, UnknownProduct


class MemoryStore:
    """The store without PostgreSQL: two mugs at 9.50, and what is ordered."""

    def __init__(self) -> None:
        self.mugs = 2
        self.orders: list[Order] = []
        self.receipts: set[int] = set()

    async def products(self) -> list[Product]:
        return [Product("mug", "Coffee mug", 950, self.mugs)]

    async def place_order(self, sku: str, quantity: int, email: str) -> Order:
        if sku != "mug":
            raise UnknownProduct(sku)
        self.mugs = stock.reserve(self.mugs, quantity)
        price = pricing.price(950, quantity)
        order = Order(
            len(self.orders) + 1,
            sku,
            quantity,
            email,
            price.net_cents,
            price.discount_cents,
            price.vat_cents,
        )
        self.orders.append(order)
        return order

    async def order(self, order_id: int) -> Order | None:
        return next((order for order in self.orders if order.id == order_id), None)

    async def mark_receipt_sent(self, order_id: int) -> bool:
        first = order_id not in self.receipts
        self.receipts.add(order_id)
        return first


@pytest.fixture
def memory() -> MemoryStore:
    """A store that needs no service."""
    return MemoryStore()


def needed(variable: str, service: str) -> str:
    """Return a service's address, or skip the test and say what is missing."""
    url = os.environ.get(variable)
    if not url:
        pytest.skip(f"{variable} is not set, so the service {service} can't be reached")
    return url


async def execute(url: str, query: str) -> None:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(query)
    finally:
        await connection.close()


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The address of an empty schema, dropped afterwards."""
    url = needed("DATABASE_URL", "postgres")
    schema = f"test_{secrets.token_hex(4)}"
    asyncio.run(execute(url, f"CREATE SCHEMA {schema}"))
    yield f"{url}{'&' if '?' in url else '?'}search_path={schema}"
    asyncio.run(execute(url, f"DROP SCHEMA {schema} CASCADE"))


@pytest.fixture
def database(empty_database: str) -> str:
    """The address of a schema with all tables and the three products."""
    asyncio.run(migrate.migrate(empty_database))
    return empty_database


@pytest.fixture
def redis_url() -> str:
    """The address of the queue."""
    return needed("REDIS_URL", "redis")
