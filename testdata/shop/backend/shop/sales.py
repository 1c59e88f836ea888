"""Yesterday's sales as CSV, for the bookkeeper: python -m shop.sales > sales.csv."""

import asyncio
import csv
import io
import os
import sys
from collections.abc import Iterable, Mapping

import asyncpg

COLUMNS = ("sku", "orders", "quantity", "total_cents")

QUERY = """
    SELECT sku, count(*) AS orders, sum(quantity) AS quantity,
        sum(net_cents - discount_cents + vat_cents) AS total_cents
    FROM orders WHERE placed_at::date = current_date - 1
    GROUP BY sku ORDER BY sku
"""


def as_csv(rows: Iterable[Mapping[str, object]]) -> str:
    """Write one line a product, under a line of headings."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([row[column] for column in COLUMNS] for row in rows)
    return text.getvalue()


async def fetch(url: str) -> list[asyncpg.Record]:
    """Read yesterday's totals."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(QUERY)
    finally:
        await connection.close()


def main() -> None:
    """Print the sales of the database named by DATABASE_URL."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        sys.exit("DATABASE_URL is not set, so there are no sales to read")
    print(as_csv(asyncio.run(fetch(url))), end="")


if __name__ == "__main__":
    main()
