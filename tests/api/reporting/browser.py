"""A real browser without a window, where the machine has one."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--dump-dom"),
)
TIMEOUT_S = 60

MEASURE = """
const looked = {};
for (const frame of document.querySelectorAll('iframe')) {
  const page = frame.contentDocument, charts = {};
  for (const svg of page.querySelectorAll('svg.chart')) {
    const box = svg.getBoundingClientRect();
    const labels = [...svg.querySelectorAll('text')].map(text => text.getBoundingClientRect());
    charts[svg.id] = {
      width: box.width, height: box.height, labels: labels.length,
      beyond: Math.max(0, ...labels.map(label => Math.max(label.right - box.right, box.left - label.left))),
    };
  }
  looked[frame.id] = {
    charts, width: page.documentElement.scrollWidth, language: page.documentElement.lang,
    fetched: frame.contentWindow.performance.getEntriesByType('resource').length,
  };
}
document.getElementById('looked').textContent = JSON.stringify(looked);
"""


def found() -> str | None:
    """The browser of CHATLEDGER_CHROMIUM, or the first that is on the path."""
    named = os.environ.get("CHATLEDGER_CHROMIUM")
    return named or next((path for path in map(shutil.which, NAMES) if path), None)


def looked_at(browser: str, pages: Mapping[str, str], width: int) -> dict[str, Any]:
    """What the browser sees of pages side by side, each this many pixels wide: how large what is.

    A window is never as narrow as a phone, but a frame is, and the style sheet takes it for one.
    """
    frames = "".join(
        f'<iframe id="{name}" srcdoc="{escape(page)}" style="width:{width}px;height:900px;border:0"></iframe>'
        for name, page in pages.items()
    )
    begin = '<!doctype html><meta charset="utf-8">'
    script = f'<pre id="looked"></pre><script>addEventListener("load", () => {{{MEASURE}}})</script>'
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "pages.html"
        file.write_text(begin + frames + script, encoding="utf-8")
        command = [browser, *OPTIONS, f"--user-data-dir={folder}/profile", file.as_uri()]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    told = ended.stdout.rpartition('<pre id="looked">')[2].partition("</pre>")[0]
    seen: dict[str, Any] = json.loads(unescape(told))
    return seen
