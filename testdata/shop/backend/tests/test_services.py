import asyncio

import asyncpg
import pytest
from arq.connections import RedisSettings, create_pool
from arq.worker import Worker
from fastapi.testclient import TestClient

from shop import migrate
from shop.app import create_app
from shop.config import Settings
from shop.stock import OutOfStock
from shop.store import Store
from shop.worker import send_receipt


def test_migrations_are_applied_once(empty_database):
    assert asyncio.run(migrate.migrate(empty_database)) == [1, 2, 3]
    assert asyncio.run(migrate.migrate(empty_database)) == []


def test_two_migrations_at_once_do_not_clash(empty_database):
    async def both():
        return await asyncio.gather(*(migrate.migrate(empty_database) for _ in range(2)))

    assert sorted(asyncio.run(both())) == [[], [1, 2, 3]]


def test_an_order_takes_the_goods_or_changes_nothing(database):
    async def order_twice():
        async with asyncpg.create_pool(database, min_size=0) as pool:
            store = Store(pool)
            placed = await store.place_order("tote", 40, "ada@example.com")
            with pytest.raises(OutOfStock):
                await store.place_order("tote", 1, "ada@example.com")
            assert await store.order(placed.id) == placed
            assert await store.order(placed.id + 1) is None
            return [product.stock for product in await store.products()]

    assert asyncio.run(order_twice()) == [200, 1000, 0]


def test_health_with_both_services(database, redis_url):
    with TestClient(create_app(Settings("1.2.3", database, redis_url))) as client:
        answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "redis": "ok"}


@pytest.mark.slow
def test_the_worker_sends_the_receipt_of_an_order(database, redis_url):
    async def place_and_work():
        queue = await create_pool(RedisSettings.from_dsn(redis_url), default_queue_name=database)
        async with queue, asyncpg.create_pool(database) as pool:
            store = Store(pool)
            order = await store.place_order("pen", 3, "ada@example.com")
            job = await queue.enqueue_job("send_receipt", order.id)
            worker = Worker(
                [send_receipt],
                redis_pool=queue,
                queue_name=database,
                burst=True,
                ctx={"store": store},
                handle_signals=False,
            )
            await worker.main()
            return await job.result(timeout=30)

    assert asyncio.run(place_and_work()) == "sent"
