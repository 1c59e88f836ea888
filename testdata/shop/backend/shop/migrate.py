"""Bring the database to the newest schema: python -m shop.migrate."""

import asyncio
import os
import sys

import asyncpg

# A migration is never edited after its release; the next change is a new entry.
MIGRATIONS = (
    """
    CREATE TABLE products (
        sku text PRIMARY KEY,
        name text NOT NULL,
        unit_cents integer NOT NULL CHECK (unit_cents >= 0),
        stock integer NOT NULL CHECK (stock >= 0)
    );
    CREATE TABLE orders (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        sku text NOT NULL REFERENCES products,
        quantity integer NOT NULL CHECK (quantity > 0),
        email text NOT NULL,
        net_cents integer NOT NULL,
        discount_cents integer NOT NULL,
        vat_cents integer NOT NULL,
        placed_at timestamptz NOT NULL DEFAULT now()
    );
    """,
    """
    INSERT INTO products (sku, name, unit_cents, stock) VALUES
        ('mug', 'Coffee mug', 950, 200),
        ('pen', 'Ballpoint pen', 125, 1000),
        ('tote', 'Tote bag', 1490, 40);
    """,
    "ALTER TABLE orders ADD COLUMN receipt_sent_at timestamptz;",
)

# Any number, as long as every migration of this application takes the same.
LOCK = 7403


async def migrate(url: str) -> list[int]:
    """Apply what is missing, in one transaction, and return those numbers."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY)"
            )
            head = await connection.fetchval(
                "SELECT coalesce(max(version), 0) FROM schema_migrations"
            )
            missing = list(range(head + 1, len(MIGRATIONS) + 1))
            for version in missing:
                await connection.execute(MIGRATIONS[version - 1])
                await connection.execute(
                    "INSERT INTO schema_migrations (version) VALUES ($1)", version
                )
        return missing
    finally:
        await connection.close()


def main() -> None:
    """Migrate the database named by DATABASE_URL."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        sys.exit("DATABASE_URL is not set, so there is nothing to migrate")
    applied = asyncio.run(migrate(url))
    print(f"schema at {len(MIGRATIONS)}, {len(applied)} migrations applied")


if __name__ == "__main__":
    main()
