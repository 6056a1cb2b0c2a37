"""docker-compose.yml as Docker Compose reads it, as far as the tests need it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from deploy.processes import ROOT

Service = dict[str, Any]
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<word>[^}]*))?\}")


class Missing(Exception):
    """A variable that has to be set is not."""


def compose(variables: Mapping[str, str], name: str = "docker-compose.yml") -> Any:
    """The file with its variables replaced, by the rules of the Compose specification.

    Raises:
        Missing: with the message that stands in the file.
    """

    def value(found: re.Match[str]) -> str:
        if given := variables.get(found["name"]):
            return given
        if found["kind"] != "-":
            raise Missing(f"{found['name']}: {found['word']}")
        return found["word"]

    return _replaced(yaml.safe_load((ROOT / name).read_text()), value)


def published(service: Service) -> dict[int, int]:
    """Which port of this machine is which of the container; raises unless it is for this machine only."""
    ports = [each.split(":") for each in service.get("ports", [])]
    assert all(address == "127.0.0.1" for address, _, _ in ports)
    return {int(here): int(inside) for _, here, inside in ports}


def _replaced(node: Any, value: Any) -> Any:
    if isinstance(node, dict):
        return {key: _replaced(each, value) for key, each in node.items()}
    if isinstance(node, list):
        return [_replaced(each, value) for each in node]
    return VARIABLE.sub(value, node) if isinstance(node, str) else node
