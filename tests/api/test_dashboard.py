"""What a dashboard or an alarm asks for exists; what exists is watched or written down as not worth it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api.gauges import OF_RELAY
from tests.api.client import Client

DOCS = Path(__file__).parents[2] / "docs"
DASHBOARD = json.loads((DOCS / "grafana-dashboard.json").read_text())
ALERTS = yaml.safe_load((DOCS / "prometheus-alerts.yml").read_text())["groups"][0]["rules"]
METRIC = re.compile(r"\b(?:chatledger|process)_[a-z_]+\b")
UNWATCHED = {"chatledger_database_standby", "chatledger_part_led"}
"""Alarms only, or nothing that has a course."""

GRID_COLUMNS = 24


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


@pytest.fixture(scope="module")
def there(admin: Client) -> set[str]:
    """Names of all that can be asked for."""
    families = text_string_to_metric_families(admin.http.get("/metrics").text)
    names = {f"chatledger_relay_{field}" for field in OF_RELAY}  # none runs here
    for family in families:
        names |= {family.name, *(sample.name for sample in family.samples)}
        if family.type == "histogram":
            names |= {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
        if family.type == "counter":
            names.add(f"{family.name}_total")
    return names


def test_every_metric_of_the_dashboard_exists(there: set[str]) -> None:
    asked = {name for expression in expressions() for name in METRIC.findall(expression)}

    assert asked
    assert asked - there == set()


def test_every_metric_of_an_alarm_exists(there: set[str]) -> None:
    asked = {name for rule in ALERTS for name in METRIC.findall(rule["expr"])}

    assert asked - there == set()


def test_what_is_measured_is_shown(there: set[str]) -> None:
    shown = {name for expression in expressions() for name in METRIC.findall(expression)}
    measured = {name for name in there if name.startswith("chatledger_") and not name.endswith("_created")}
    families = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in measured}

    assert families - {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in shown} <= UNWATCHED


def test_every_alarm_says_what_to_do(there: set[str]) -> None:
    for language in ("operations.md", "operations.ru.md"):
        text = (DOCS / language).read_text()
        assert [rule["alert"] for rule in ALERTS if f"`{rule['alert']}`" not in text] == []


def test_panels_do_not_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place: dict[str, Any] = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= GRID_COLUMNS
        assert not taken & cells, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
