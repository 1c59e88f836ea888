"""The HTTP API."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from typing import Annotated

import asyncpg
from arq.connections import ArqRedis
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, Field

from shop import health
from shop.config import Settings
from shop.stock import OutOfStock, needs_reorder
from shop.store import Order, Store, UnknownProduct

router = APIRouter()


class OrderRequest(BaseModel):
    """What a customer sends."""

    sku: str = Field(min_length=1, max_length=40)
    quantity: int = Field(ge=1, le=1000)
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)


def get_store(request: Request) -> Store:
    """Return the store, or answer 503 where no database is configured."""
    if request.app.state.store is None:
        raise HTTPException(503, "no database configured")
    return request.app.state.store


StoreParam = Annotated[Store, Depends(get_store)]


def order_body(order: Order) -> dict[str, object]:
    """Return an order as the API shows it."""
    return asdict(order) | {"total_cents": order.total_cents}


@router.get("/health")
async def get_health(request: Request, response: Response) -> dict[str, object]:
    """Answer 200 if everything configured is in reach, else 503."""
    state = request.app.state
    checks = await health.report(
        {
            "database": state.store.ping if state.store else None,
            "redis": state.queue.ping if state.queue else None,
        }
    )
    response.status_code = 200 if health.healthy(checks) else 503
    return {"version": state.version, "checks": checks}


@router.get("/version")
async def get_version(request: Request) -> dict[str, str]:
    """Return the version this image was built as."""
    return {"version": request.app.state.version}


@router.get("/products")
async def get_products(store: StoreParam) -> list[dict[str, object]]:
    """Return the catalogue."""
    return [
        asdict(product) | {"reorder": needs_reorder(product.stock)}
        for product in await store.products()
    ]


@router.post("/orders", status_code=201)
async def post_order(
    wanted: OrderRequest, request: Request, store: StoreParam
) -> dict[str, object]:
    """Place an order and let the worker send its receipt."""
    try:
        order = await store.place_order(wanted.sku, wanted.quantity, wanted.email)
    except UnknownProduct:
        raise HTTPException(404, f"no product {wanted.sku}") from None
    except OutOfStock as error:
        raise HTTPException(409, str(error)) from None
    if request.app.state.queue:
        await request.app.state.queue.enqueue_job("send_receipt", order.id)
    return order_body(order)


@router.get("/orders/{order_id}")
async def get_order(order_id: int, store: StoreParam) -> dict[str, object]:
    """Return one order."""
    order = await store.order(order_id)
    if order is None:
        raise HTTPException(404, f"no order {order_id}")
    return order_body(order)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the pools. They connect on first use, so the API starts without them."""
    settings: Settings = app.state.settings
    async with AsyncExitStack() as stack:
        if settings.database_url:
            pool = asyncpg.create_pool(settings.database_url, min_size=0)
            app.state.store = Store(await stack.enter_async_context(pool))
        if settings.redis_url:
            queue = ArqRedis.from_url(settings.redis_url)
            app.state.queue = await stack.enter_async_context(queue)
        yield


def create_app(settings: Settings) -> FastAPI:
    """Build the application."""
    app = FastAPI(title="shop", version=settings.version, lifespan=lifespan)
    app.state.settings = settings
    app.state.version = settings.version
    app.state.store = None
    app.state.queue = None
    app.include_router(router)
    return app


app = create_app(Settings.from_env())
