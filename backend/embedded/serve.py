"""The API process of `consilium run`: imports while PostgreSQL still starts, then serves on the supervisor's socket.

`python -m backend.embedded.serve SOCKET_FD [GO_FD]`: the listening socket, and a pipe that closes when the schema is ready.
"""

import os
import socket
import sys

import uvicorn

from backend.app import application


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM; open streams get three seconds to end."""
    listener = socket.socket(fileno=int(arguments[0]))
    if len(arguments) > 1:
        go = int(arguments[1])
        os.read(go, 1)
        os.close(go)
    # The client's address comes from the socket: `app` alone decides which proxies are believed.
    config = uvicorn.Config(
        application,
        factory=True,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        timeout_graceful_shutdown=3,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1:])
