"""Imports as jobs: the parsing happens in `interop`'s child process, the progress is the job's."""

from backend.interop import imports, inspection
from worker.gateway.connection import Gateway
from worker.gateway.queue import Claimed


def run(gateway: Gateway, job: Claimed) -> None:
    """Take in what an upload has brought, or only tell what it holds, and end the job."""
    if "inspect" in job.params:
        inspection.run_inspection(gateway, job)
    else:
        imports.run_import(gateway, job)
