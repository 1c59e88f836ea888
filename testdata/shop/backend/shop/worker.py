"""The background worker: arq shop.worker.WorkerSettings."""

import logging
import socket
from typing import Any

import asyncpg
from arq.connections import RedisSettings

from shop import receipt
from shop.config import Settings
from shop.store import Store

log = logging.getLogger("arq.receipts")
settings = Settings.from_env()


async def send_receipt(ctx: dict[str, Any], order_id: int) -> str:
    """Send the receipt of an order, once however often the job is run."""
    store: Store = ctx["store"]
    order = await store.order(order_id)
    if order is None:
        return "no such order"
    if not await store.mark_receipt_sent(order_id):
        return "already sent"
    log.info("receipt of order %d:\n%s", order_id, receipt.render(order))
    return "sent"


async def startup(ctx: dict[str, Any]) -> None:
    """Open the database pool of the worker."""
    if not settings.database_url:
        raise RuntimeError("DATABASE_URL is not set: the worker has no orders to read")
    ctx["pool"] = await asyncpg.create_pool(settings.database_url, min_size=0)
    ctx["store"] = Store(ctx["pool"])


async def shutdown(ctx: dict[str, Any]) -> None:
    """Close the database pool."""
    if "pool" in ctx:
        await ctx["pool"].close()


class WorkerSettings:
    """What arq reads."""

    functions = (send_receipt,)
    on_startup = startup
    on_shutdown = shutdown
    redis_settings = RedisSettings.from_dsn(settings.redis_url or "redis://localhost:6379")
    # A record of its own for each worker, because two are at work while a new version comes up.
    health_check_key = f"arq:health:{socket.gethostname()}"
    health_check_interval = 10
    # A job that has begun is done to its end before the worker goes; one that takes longer is begun anew by the next.
    job_completion_wait = 30
