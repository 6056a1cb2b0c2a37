import io
import json
import logging
import threading
import warnings
from typing import Any

import psycopg
import pytest
import uvicorn
from pydantic import BaseModel, ValidationError
from structlog.contextvars import bound_contextvars

from api.logs import bind, configure, explained

PRIVATE = "what a client wrote"
OURS = logging.getLogger("api.feeding")


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_for_machines_is_an_object_with_what_is_known_of_the_request(stream: io.StringIO) -> None:
    configure("json", stream=stream)
    with bound_contextvars(request_id="r-1"):
        bind(workspace="main")
        OURS.warning("feeds wait: %s", "gone", extra={"position": 7})

    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "message": "feeds wait: gone",
        "level": "warning",
        "logger": "api.feeding",
        "request_id": "r-1",
        "workspace": "main",
        "position": 7,
    }


def test_a_line_for_people_says_the_same_without_colours_in_a_file(stream: io.StringIO) -> None:
    configure("text", stream=stream)
    with bound_contextvars(request_id="r-1"):
        OURS.warning("feeds wait")

    assert "\x1b" not in stream.getvalue()
    assert all(
        told in stream.getvalue() for told in ("warning", "feeds wait", "api.feeding", "request_id=r-1")
    )


def test_the_web_server_and_warnings_go_the_same_way(stream: io.StringIO) -> None:
    configure("json", stream=stream)
    uvicorn.Config(lambda: None, log_config=None, log_level="warning")
    logging.getLogger("uvicorn.error").error("Invalid HTTP request received.")
    logging.getLogger("httpx").info("HTTP Request: GET https://host/secret")
    warnings.showwarning(UserWarning("it is old"), UserWarning, "somewhere.py", 1)

    told = [(line["logger"], line["level"]) for line in lines(stream)]
    assert told == [("uvicorn.error", "error"), ("py.warnings", "warning")]


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_token_and_no_password_stands_in_a_line(stream: io.StringIO, form: Any) -> None:
    configure(form, secrets=("any string at all", ""), stream=stream)
    OURS.error(
        "%s",
        "Authorization: Bearer s3cret-1, cl_id-1_s3cret-2, whsec_s3cret3=, https://api/bot12:s3cret-4/send,"
        " postgresql://user:s3cret-5@host/db, password=s3cret-6 and any string at all",
    )
    try:
        raise OSError("postgresql://user:s3cret-7@host")
    except OSError:
        OURS.exception("lost")

    assert "s3cret" not in stream.getvalue()
    assert "any string" not in stream.getvalue()
    assert "user:…@host" in stream.getvalue()


class Named(BaseModel):
    age: int


def test_a_traceback_says_where_and_what_but_not_what_people_wrote(migrated_url: str) -> None:
    def refused(connection: psycopg.Connection[Any]) -> None:
        try:
            connection.execute("SELECT %s::jsonb", (PRIVATE,))
        except psycopg.DataError as error:
            error.add_note("timeline.sql, message, (3, 4]")
            raise RuntimeError("the range failed") from error

    with psycopg.connect(migrated_url, autocommit=True) as connection:
        with pytest.raises(RuntimeError) as caught:
            refused(connection)
    with pytest.raises(ValidationError) as invalid:
        Named.model_validate({"age": PRIVATE})
    told = explained(ExceptionGroup("two", [caught.value, invalid.value]))

    assert PRIVATE not in told
    assert "in refused" in told
    for part in ("22P02", "timeline.sql", "RuntimeError: the range failed", "age: Input should be"):
        assert part in told


def test_what_nobody_expected_goes_the_same_way(stream: io.StringIO) -> None:
    configure("json", stream=stream)
    thread = threading.Thread(target=lambda: [][0], name="follower")
    thread.start()
    thread.join()

    (line,) = lines(stream)
    assert (line["message"], line["level"]) == ("follower ended", "critical")
    assert "IndexError" in line["exception"]
