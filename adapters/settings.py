"""What an operator may set. Read once, by the ways in, and handed on from there."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def listed(value: Any) -> Any:
    """What is separated by commas in the environment."""
    return [each for each in map(str.strip, value.split(",")) if each] if isinstance(value, str) else value


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
    logs: Literal["text", "json"] = Field(
        default="text", description="How is logged: text for people, json with an object a line for machines."
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
    follow: bool = Field(
        default=True,
        description="Whether a server follows the ledger itself; if not, `chatledger follow` does.",
    )
    nats_url: str | None = Field(
        default=None,
        repr=False,
        description="A NATS with JetStream (nats://...), or several of its servers, separated by commas."
        " Without it there is no JetStream.",
    )
    nats_stream: str = Field(
        default="LEDGER", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Name of the stream in JetStream."
    )
    nats_replicas: int = Field(
        default=1,
        ge=1,
        le=5,
        description="On how many servers of a NATS cluster the stream is kept: 1, 3 or 5.",
    )
    nats_private: bool = Field(
        default=False, description="Whether what identifies or quotes people leaves to JetStream, too."
    )
    signing_key: Path | None = Field(
        default=None,
        description="File of the key that signs tree heads; without it `data`/signing.key, which is made.",
    )
    log_origin: str | None = Field(
        default=None,
        pattern=r"^[^\s+]+$",
        description="The log's name in what is signed; never change it. Without it one with a random id.",
    )
    checkpoint_interval_s: float = Field(
        default=60.0,
        gt=0,
        le=86_400,
        description="Longest time until what was appended is under a tree head.",
    )
    checkpoint_events: int = Field(
        default=10_000, ge=1, description="After so many events a tree head is signed without waiting."
    )
    checkpoint_places: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(listed)] = Field(
        default=None,
        description="Where tree heads are kept outside the database, separated by commas: folders, git"
        " repositories (git+file:///...), HTTP endpoints. Without it `data`/checkpoints.",
    )

    telegram_token: str | None = Field(
        default=None,
        repr=False,
        min_length=1,
        description="Token of the bot that writes daily reports into Telegram chats; without it none does.",
    )
    telegram_url: str = Field(
        default="https://api.telegram.org",
        pattern=r"^https?://[^/\s]+",
        description="Where the Bot API is: Telegram's own, or a server of yours.",
    )
    reports: Path | None = Field(
        default=None, description="Folder of daily reports as files; without it `data`/reports."
    )

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must stand in no log."""
        return tuple(filter(None, (self.admin_token, self.telegram_token)))

    @property
    def reports_folder(self) -> Path:
        return self.reports or self.data / "reports"

    @property
    def signing_key_file(self) -> Path:
        return self.signing_key or self.data / "signing.key"

    @property
    def places(self) -> tuple[str, ...]:
        """Where tree heads are kept outside the database."""
        if self.checkpoint_places is None:
            return (str(self.data / "checkpoints"),)
        return self.checkpoint_places
