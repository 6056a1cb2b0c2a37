"""What an operator may set. Read once, by the ways in, and handed on from there."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Each field is read from CHATLEDGER_ and its name: CHATLEDGER_DATABASE_URL, CHATLEDGER_PORT, ..."""

    model_config = SettingsConfigDict(env_prefix="CHATLEDGER_", frozen=True)

    database_url: str | None = Field(
        default=None,
        repr=False,
        description="A PostgreSQL 18 to use (postgresql://...). Without it one of our own runs in `data`.",
    )
    data: Path = Field(
        default=Path("data"), description="Folder of our own PostgreSQL; made when it is not there."
    )
    host: str = Field(default="127.0.0.1", description="Address on which HTTP is served.")
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port on which HTTP is served; 0: any free one."
    )
    admin_token: str | None = Field(
        default=None,
        repr=False,
        min_length=1,
        description="Bearer token with every right, for issuing the first tokens.",
    )
    write_connections: int = Field(
        default=8, ge=1, le=100, description="Most database connections at once for commands."
    )
    read_connections: int = Field(
        default=8, ge=1, le=100, description="Most database connections at once for reads."
    )
    webhooks_may_reach_private_networks: bool = Field(
        default=False, description="Whether a webhook may go to loopback, private and link-local addresses."
    )
    webhook_attempts: int = Field(
        default=12, ge=1, le=100, description="How often a webhook is told of a message before it has failed."
    )
    webhook_first_retry_s: float = Field(
        default=1.0,
        gt=0,
        le=3600,
        description="Pause after the first attempt; each further one is twice as long.",
    )
    poll_interval_s: float = Field(
        default=0.5, gt=0, le=60, description="Longest time in which a follower may miss a new event."
    )
