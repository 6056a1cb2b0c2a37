"""`chatledger follow`: which read models a process may lead that serves no API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

from api.opening import Data, database, examples, settings_with
from projections.read_model import LEADS, READ_MODELS, lead_of
from projections.rebuild import UnknownReadModel
from projections.sharing import PARTITIONED, Partitions

app = typer.Typer(rich_markup_mode="rich")
console = Console()

Projections = Annotated[
    str | None,
    typer.Option(
        help=f"What it may lead, separated by commas: {', '.join(LEADS)}. The directory goes with the inbox.",
        show_default="all",
    ),
]
PartitionsTold = Annotated[
    str | None,
    typer.Option(
        "--partitions",
        help=f"Lead only so much of {', '.join(PARTITIONED)}, such as 0-7/16: the first eight of sixteen. All"
        " others are led whole, since their rows move between conversations or are counted.",
        show_default="whatever nobody leads",
    ),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(help="Port for /healthz, /readyz and /metrics; 0: any free one.", show_default="none"),
]


class NotInPartitions(Exception):
    """Of some read models there are no partitions."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"There are no partitions of {', '.join(names)}, only of {', '.join(PARTITIONED)}: the rows of"
            " others move between conversations or are counted. Lead them whole, in a process of their own."
        )


@app.command(
    epilog=examples(
        "follow",
        "follow --projections inbox,visibility,timeline --metrics-port 9101",
        "follow --projections timeline --partitions 0-7/16",
        "follow --projections waits,search --data /var/lib/chatledger",
    )
)
def follow(
    projections: Projections = None,
    partitions: PartitionsTold = None,
    metrics_port: MetricsPort = None,
    metrics_host: Annotated[str, typer.Option(help="Address of that port.")] = "127.0.0.1",
    data: Data = None,
) -> None:
    """Follow the ledger until Ctrl-C or SIGTERM, beside servers and other followers.

    Each read model is led by one process. This one takes those that nobody leads, and stands by for the
    others: when the process ends that leads one, it takes over within a second or two. Servers that are
    started with CHATLEDGER_FOLLOW=false leave all of it to processes like this one. With CHATLEDGER_NATS_URL
    it hears of events from JetStream, too; what it takes over it reads from PostgreSQL.
    """
    some = Partitions.told(partitions) if partitions else None
    leads = leads_named(projections or (",".join(PARTITIONED) if some else None))
    if some and (whole := [name for name in leads if name not in PARTITIONED]):
        raise NotInPartitions(whole)
    settings = settings_with(data=data)
    from api import following  # which takes a second, and most commands do without it

    with database(settings, owner="chatledger follow", may_be_new=True) as url:
        following.follow_until_told(console, url, settings, leads, some, metrics_host, metrics_port)


def leads_named(names: str | None) -> tuple[str, ...]:
    """Of LEADS those that are named, separated by commas; all, if none is.

    Raises:
        UnknownReadModel: there is none of a name.
        typer.BadParameter: one is led with another only, which is not named.
    """
    named = [each for each in map(str.strip, (names or "").split(",")) if each]
    for name in named:
        if name not in READ_MODELS:
            raise UnknownReadModel(name)
        if lead_of(name) not in named:
            raise typer.BadParameter(f"{name} is led with {lead_of(name)}: say {lead_of(name)}")
    return tuple(name for name in LEADS if not named or name in named)
