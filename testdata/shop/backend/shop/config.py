"""Settings from the environment, so that one image runs everywhere."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What differs between a laptop, staging and production."""

    version: str = "0.0.0"
    database_url: str | None = None
    redis_url: str | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings; an empty variable counts as unset."""
        return cls(
            version=env.get("VERSION") or cls.version,
            database_url=env.get("DATABASE_URL") or None,
            redis_url=env.get("REDIS_URL") or None,
        )
