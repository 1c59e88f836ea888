"""Is everything this process needs within reach?"""

import asyncio
from collections.abc import Awaitable, Callable

Ping = Callable[[], Awaitable[object]]

# Shorter than the health check of the compose file, so that it gets an answer.
TIMEOUT_SECONDS = 3.0


async def check(ping: Ping | None) -> str:
    """Say how one dependency is, without its address: that may hold a password."""
    if ping is None:
        return "not configured"
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await ping()
    except Exception as error:
        return f"failed: {type(error).__name__}"
    return "ok"


async def report(pings: dict[str, Ping | None]) -> dict[str, str]:
    """Check all dependencies at once."""
    answers = await asyncio.gather(*(check(ping) for ping in pings.values()))
    return dict(zip(pings, answers, strict=True))


def healthy(checks: dict[str, str]) -> bool:
    """Tell whether every dependency that is configured answered."""
    return not any(answer.startswith("failed") for answer in checks.values())
