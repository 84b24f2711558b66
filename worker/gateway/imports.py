"""Imports as jobs: the parsing happens in `interop`'s child process, the progress is the job's."""

from backend.interop import imports
from worker.gateway.connection import Gateway
from worker.gateway.queue import Claimed


def run(gateway: Gateway, job: Claimed) -> None:
    """Take in what an upload has brought, and end the job."""
    imports.run_import(gateway, job)
