"""Places outside the database have what they were given once, and never something else instead."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from adapters.places import Endpoint, Folder, GitRepository, Place, PlaceFailed, place_of
from tests.api.receiver import Receiver


def hashes(count: int) -> bytes:
    return bytes(32 * count)


def git(path: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", path, *arguments], capture_output=True, text=True, check=True).stdout


def test_a_folder_is_a_tiled_log(tmp_path: Path) -> None:
    place = Folder(tmp_path / "new")
    assert place.latest() is None

    place.keep(300, "three hundred", hashes(44))
    assert (tmp_path / "new/tile/0/001.p/44").read_bytes() == hashes(44)
    place.keep_tiles({0: hashes(256), 1: hashes(256)})
    place.keep(512, "five hundred and twelve", b"")

    files = {str(path.relative_to(place.path)) for path in place.path.rglob("*") if path.is_file()}
    assert files == {"checkpoint", "checkpoints/300.txt", "checkpoints/512.txt", "tile/0/000", "tile/0/001"}
    assert place.latest() == "five hundred and twelve"


def test_what_is_kept_is_not_written_over(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    for _ in range(2):
        place.keep_tiles({0: hashes(256)})
        place.keep(256, "a head", b"")

    with pytest.raises(PlaceFailed, match="tile/0/000 holds something else already"):
        place.keep_tiles({0: b"x" * 8192})
    with pytest.raises(PlaceFailed, match=r"256.txt holds something else already"):
        place.keep(256, "another head", b"")
    assert place.latest() == "a head"


def test_a_git_repository_has_a_commit_for_each_tree_head(tmp_path: Path) -> None:
    place = GitRepository(tmp_path / "log")
    place.keep(1, "one", hashes(1))
    place.keep(1, "one", hashes(1))
    place.keep(2, "two", hashes(2))

    assert git(place.path, "log", "--format=%s") == "The log has 2 events\nThe log has 1 events\n"
    assert git(place.path, "show", "HEAD~1:checkpoint") == "one"
    assert git(place.path, "status", "--porcelain") == ""


def test_what_git_says_is_told(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("spoiled")

    with pytest.raises(PlaceFailed, match="git add: fatal"):
        GitRepository(tmp_path).keep(1, "one", hashes(1))


def test_another_party_is_told_the_note() -> None:
    with Receiver(answers={"/told": [503]}).open() as receiver:
        place = Endpoint(receiver.url())
        with pytest.raises(PlaceFailed, match="answered 503"):
            place.keep(1, "öne", hashes(1))
        place.keep(1, "öne", hashes(1))

    assert [request.body.decode() for request in receiver.accepted()] == ["öne"]
    assert receiver.requests[0].headers["content-type"] == "text/plain; charset=utf-8"


def test_who_does_not_listen_is_told_off() -> None:
    with pytest.raises(PlaceFailed, match="no connection"):
        Endpoint("http://127.0.0.1:9/").keep(1, "one", b"")


def test_places_are_known_by_how_they_are_named(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path / "repository"], check=True)
    named: dict[str, tuple[type[Place], str]] = {
        str(tmp_path): (Folder, str(tmp_path)),
        f"file://{tmp_path}/a%20b": (Folder, f"{tmp_path}/a b"),
        f"git+file://{tmp_path}": (GitRepository, f"git+file://{tmp_path}"),
        str(tmp_path / "repository"): (GitRepository, f"git+file://{tmp_path}/repository"),
        "https://us:secret@witness.example/log": (Endpoint, "https://witness.example/log"),
    }
    for told, (kind, name) in named.items():
        assert (type(place_of(told)), place_of(told).name) == (kind, name)
    with pytest.raises(ValueError, match="is no folder"):
        place_of("ftp://witness.example")
