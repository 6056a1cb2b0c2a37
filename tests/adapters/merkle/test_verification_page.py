"""The worked examples of docs/verification.md are right, so that others can go by them."""

from __future__ import annotations

import re
from pathlib import Path

from adapters.merkle.leaf import leaf_bytes, leaf_hash, private_fits, read_json
from adapters.merkle.note import Verifier, read_checkpoint
from adapters.merkle.tree import Frontier
from tests.adapters.merkle.test_note import signer

PAGE = (Path(__file__).parents[3] / "docs" / "verification.md").read_text("utf-8")
EVENT = re.search(r"<!-- event -->\n```json\n(.*?)```", PAGE, re.DOTALL)
LINE_CHARACTERS = 100


def worked(name: str) -> str:
    """An example by its name."""
    found = re.search(rf"<!-- {name} -->\n```\n(.*?)```", PAGE, re.DOTALL)
    assert found, name
    return found[1]


def test_the_worked_examples_are_right() -> None:
    assert EVENT
    event = read_json(EVENT[1])
    assert private_fits(event)
    text = leaf_bytes(event).decode()
    lines = [text[at : at + LINE_CHARACTERS] for at in range(0, len(text), LINE_CHARACTERS)]
    assert worked("leaf_bytes") == "".join(f"{line}\n" for line in lines)
    assert worked("leaf_hash") == f"{leaf_hash(event).hex()}\n"

    tree, roots = Frontier(), []
    for position in (1, 2, 3):
        tree.append(leaf_hash({**event, "position": position}))
        roots.append(tree.root().hex())
    assert worked("roots") == "".join(f"{root}\n" for root in roots)
    assert worked("note") == signer().sign(3, tree.root())
    assert worked("vkey") == f"{signer().verifier.vkey}\n"
    assert read_checkpoint(worked("note"), [Verifier.of(worked("vkey"))]).root_hash == tree.root()
