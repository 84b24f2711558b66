"""Logs: one JSON line per event on stderr, and only fields from a list.

Fails closed: a field that is not on the list is dropped, because a field somebody adds in a hurry is how a patient's
name gets into a log. Tracebacks show where and what kind, never locals nor the exception's text (a database's
message can quote a value).
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

FIELDS: Final = frozenset(
    {
        "event", "level", "timestamp", "logger", "request_id", "method", "route", "status", "milliseconds", "user_id",
        "job_id", "kind", "queue", "attempt", "error", "code", "traceback", "seconds", "count", "version", "port",
    }
)  # fmt: skip


def configure(level: str) -> None:
    """Send structlog's and the standard library's events through the same processors. Called once per process."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_exception,
        keep_listed_fields,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "httpx", "kombu", "amqp"):
        logging.getLogger(noisy).setLevel("WARNING")
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def keep_listed_fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every field that is not listed; names starting with _ are structlog's own."""
    return {key: value for key, value in event.items() if key in FIELDS or key.startswith("_")}


def where(problem: BaseException) -> list[str]:
    """File, line and function of each frame; no code, no values."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(problem.__traceback__)][
        -25:
    ]


def _name_exception(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    found = event.pop("exc_info", None)
    problem = found[1] if isinstance(found, tuple) else found
    if isinstance(problem, BaseException):
        event["error"] = type(problem).__name__
        event["traceback"] = where(problem)
    return event
