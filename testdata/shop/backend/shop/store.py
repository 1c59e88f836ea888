"""Products and orders in PostgreSQL."""

from dataclasses import dataclass

import asyncpg

from shop import pricing, stock


class UnknownProduct(Exception):
    """Raised for a sku that is not in the catalogue."""


@dataclass(frozen=True)
class Product:
    """One line of the catalogue."""

    sku: str
    name: str
    unit_cents: int
    stock: int


@dataclass(frozen=True)
class Order:
    """An order as it was priced when it was placed."""

    id: int
    sku: str
    quantity: int
    email: str
    net_cents: int
    discount_cents: int
    vat_cents: int

    @property
    def total_cents(self) -> int:
        """What the customer pays."""
        return self.net_cents - self.discount_cents + self.vat_cents


ORDER_COLUMNS = "id, sku, quantity, email, net_cents, discount_cents, vat_cents"


class Store:
    """The queries of the application; it owns no connection."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def ping(self) -> None:
        """Raise unless the database answers."""
        await self._pool.execute("SELECT 1")

    async def products(self) -> list[Product]:
        """Return the catalogue in a stable order."""
        rows = await self._pool.fetch(
            "SELECT sku, name, unit_cents, stock FROM products ORDER BY sku"
        )
        return [Product(**row) for row in rows]

    async def place_order(self, sku: str, quantity: int, email: str) -> Order:
        """Take the goods off the shelf and write the order, both or neither."""
        async with self._pool.acquire() as connection, connection.transaction():
            # The row lock keeps two customers from buying the same last item.
            product = await connection.fetchrow(
                "SELECT unit_cents, stock FROM products WHERE sku = $1 FOR UPDATE", sku
            )
            if product is None:
                raise UnknownProduct(sku)
            remaining = stock.reserve(product["stock"], quantity)
            price = pricing.price(product["unit_cents"], quantity)
            await connection.execute(
                "UPDATE products SET stock = $2 WHERE sku = $1", sku, remaining
            )
            row = await connection.fetchrow(
                "INSERT INTO orders (sku, quantity, email, net_cents, discount_cents, vat_cents)"
                f" VALUES ($1, $2, $3, $4, $5, $6) RETURNING {ORDER_COLUMNS}",
                sku,
                quantity,
                email,
                price.net_cents,
                price.discount_cents,
                price.vat_cents,
            )
        return Order(**row)

    async def order(self, order_id: int) -> Order | None:
        """Return one order, or nothing if there is none of that number."""
        row = await self._pool.fetchrow(
            f"SELECT {ORDER_COLUMNS} FROM orders WHERE id = $1", order_id
        )
        return Order(**row) if row else None

    async def mark_receipt_sent(self, order_id: int) -> bool:
        """Claim the receipt of an order; false if it was sent before."""
        done = await self._pool.execute(
            "UPDATE orders SET receipt_sent_at = now() WHERE id = $1 AND receipt_sent_at IS NULL",
            order_id,
        )
        return done == "UPDATE 1"
