"""Daily reports as files."""

from pathlib import Path

import pytest

from adapters.report_files import ReportFiles


def test_a_report_is_written_over_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    files = ReportFiles(tmp_path / "reports")
    for content in (b"a long first report", b"short"):
        files.keep("main", "2026-03-01", {"txt": content, "json": b"{}"})

    found = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert found == {"reports/main/2026-03-01.txt": b"short", "reports/main/2026-03-01.json": b"{}"}


@pytest.mark.parametrize("workspace", ["..", ".", "a/b", "../x", "", ".hidden", "x" * 129])
def test_no_workspace_leaves_the_folder(tmp_path: Path, workspace: str) -> None:
    with pytest.raises(ValueError, match="can't be the name of a folder"):
        ReportFiles(tmp_path / "reports").keep(workspace, "2026-03-01", {"txt": b""})

    assert list(tmp_path.iterdir()) == []
