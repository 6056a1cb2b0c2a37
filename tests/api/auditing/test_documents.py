"""docs/audit.md and its Russian twin show what the commands print, in a terminal of 100 columns, and draw."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.auditing import picture
from api.auditing.speaker import LANGUAGES, Language, Speaker
from api.auditing.timelines import timeline
from tests.api.auditing.answering import Answering, answering
from tests.api.auditing.test_commands import told
from tests.api.auditing.test_picture import STORY, ids, texts

DOCS = Path(__file__).parents[3] / "docs"
SHOWN = re.compile(r"^```\n\$ chatledger audit (.+)\n((?:.*\n)*?)```$", re.MULTILINE)
PICTURES = {"en": DOCS / "audit-timeline.svg", "ru": DOCS / "audit-timeline.ru.svg"}


@pytest.fixture(scope="module")
def api() -> Iterator[Answering]:
    with answering() as api:
        yield api


def printed(api: Answering, words: str) -> str:
    """Without the blanks that fill a table up to its width."""
    return "".join(f"{line.rstrip()}\n" for line in told(api, words).splitlines())


@pytest.mark.parametrize("document", ["audit.md", "audit.ru.md"])
def test_the_document_shows_what_is_printed(
    api: Answering, document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where a picture is written
    text = (DOCS / document).read_text()
    now = SHOWN.sub(lambda shown: f"```\n$ chatledger audit {shown[1]}\n{printed(api, shown[1])}```", text)
    (tmp_path / document).write_text(now)
    assert len(SHOWN.findall(text)) >= 9
    assert text == now, f"renew it: cp {tmp_path / document} {DOCS}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_document_shows_what_is_drawn(language: Language, tmp_path: Path) -> None:
    speaker = Speaker(language)
    now = picture.drawn(timeline(STORY, speaker), speaker)
    (tmp_path / PICTURES[language].name).write_text(now)
    kept = PICTURES[language].read_text()
    assert (texts(kept), ids(kept)) == (texts(now), ids(now)), (
        f"renew it: cp {tmp_path / PICTURES[language].name} {DOCS}"
    )
