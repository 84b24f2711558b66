"""What has to be true before the API may answer: the schema is this code's, and somebody can sign in.

`python -m backend.embedded.first_steps`, a process of its own so that the supervisor stays small. The last line on stdout is
one JSON object: {"link": str | null}, the one-time sign-in address while no user has a password yet.
"""

import json
import sys

from backend.accounts import rules as accounts
from backend.database import Database
from backend.embedded.migrate import upgrade
from backend.settings import load_settings

_PATIENCE_SECONDS = 60.0


def main() -> None:
    """Wait for the database, migrate it, and make a link where it is needed."""
    settings = load_settings()
    database = Database(settings.database_url)
    database.wait_until_ready(_PATIENCE_SECONDS)
    upgrade(settings.database_owner_url)
    with database.write() as db:
        link = accounts.first_link(db, settings)
    database.close()
    sys.stdout.write(json.dumps({"link": link}) + "\n")


if __name__ == "__main__":
    main()
