"""`consilium`: what an administrator does from the machine's shell.

Each command parses, calls one rule and prints a sentence; it ends with 1 and the remedy on stderr when refused. The
shell is trusted as Consilium itself: whoever can run this can read the data folder anyway.
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.errors import ConsiliumError
from backend.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from backend.database import Database

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Consilium, an annotation server for medical images.",
)
user = typer.Typer(no_args_is_help=True, help="Accounts.")
audit = typer.Typer(no_args_is_help=True, help="The audit trail.")
app.add_typer(user, name="user")
app.add_typer(audit, name="audit")

ALIVE_SECONDS = 60
Name = Annotated[str, typer.Argument(help="The account's name, as typed when signing in.")]


@app.command()
def run() -> None:
    """Start everything on this machine: database, API, workers; prints the address and a one-time link."""
    from backend.embedded import supervisor

    raise typer.Exit(supervisor.run(load_settings(), print))


@app.command()
def migrate() -> None:
    """Bring the database's schema to this version, as the schema's owner."""
    from backend.embedded.migrate import upgrade

    settings = _settings()
    upgrade(settings.database_owner_url or settings.database_url)
    print("The schema is current.")


@user.command("add")
def add_user(
    name: Name,
    role: Annotated[str, typer.Option(help="admin, expert or integrator")] = "expert",
    display_name: Annotated[str, typer.Option(help="Shown to others; the name if left out.")] = "",
) -> None:
    """Create an account and print its one-time link."""
    from backend.accounts import rules

    settings = _settings()
    with _database(settings) as database, database.write() as db:
        link = rules.create_user_from_shell(db, name=name, display_name=display_name, role=role)
    _print_link(link.url(settings), rules.LINK_MINUTES)


@user.command("link")
def make_link(name: Name) -> None:
    """Print a new one-time link for an existing account; it also serves to choose a new password."""
    from backend.accounts import rules

    settings = _settings()
    with _database(settings) as database, database.write() as db:
        link = rules.create_link_from_shell(db, name)
    _print_link(link.url(settings), rules.LINK_MINUTES)


@app.command("import")
def import_folder(
    path: Annotated[Path, typer.Argument(exists=True, help="A file or a folder: DICOM, NIfTI, PNG, zip.")],
    project: Annotated[str, typer.Option(help="The project's name; made if there is none.")],
    experts: Annotated[bool, typer.Option(help="Read segmentations/EXPERT/CASE.nii.gz as readings.")] = False,
) -> None:
    """Import images, and with --experts their readings, into a project."""
    from backend.interop import imports

    settings = _settings()
    with _database(settings) as database:
        result = imports.import_folder(database, settings, path, project=project, experts=experts)
    print(json.dumps(result, indent=2, default=str))


@audit.command("verify")
def verify_audit() -> None:
    """Prove the audit chain, also against the heads written down outside the database; names the first bad row."""
    from backend.app.witness import contradicted_head, heads_file
    from backend.audit import head, verify

    settings = _settings()
    with _database(settings, statement_seconds=0) as database, database.read() as db:
        bad, (seq, sha256) = verify(db), head(db)
        rebuilt = contradicted_head(db, heads_file(settings.data))
    if rebuilt is not None:
        _fail(f"Row {rebuilt} of the audit is not the one written down in {heads_file(settings.data).name}.")
    if bad is not None:
        _fail(f"The audit chain is broken at row {bad}: it, or the row before it, was changed or removed.")
    print(f"The audit chain is whole: {seq} rows, head {sha256}.")


@app.command()
def fsck(
    sweep: Annotated[bool, typer.Option("--sweep", help="Also delete blobs that no row has named for a day.")] = False,
) -> None:
    """Check every promise the data must keep. Prints one line per fault and ends with 1 if there is any."""
    from backend.app import fsck as checker

    settings = _settings()
    with _database(settings, statement_seconds=0) as database:
        report = checker.examine(database, settings)
        if sweep and not report.faults:
            report.counts["swept"] = checker.sweep(database, settings)
    for fault in report.faults:
        print(fault)
    print(json.dumps(report.counts, sort_keys=True))
    if report.faults:
        _fail(f"{len(report.faults)} faults.")


@app.command()
def backup(
    path: Annotated[Path, typer.Argument(help="A folder of backups, best on another machine; made if there is none.")],
    verify: Annotated[
        bool, typer.Option(help="Read the blobs that are there already too; replace damaged ones.")
    ] = False,
) -> None:
    """Add a backup to a folder, while everybody works: the database, and the blobs that are not there yet."""
    from backend.embedded import backup as backups

    settings = _settings()
    with _database(settings, statement_seconds=0, as_owner=True) as database:
        made = backups.back_up(database, settings, path, verify=verify)
    size = (made.dump_bytes + made.new_bytes) / 1e6
    print(
        f"Backup of {made.made_at}: {made.blobs} blobs, {made.new_blobs} of them new; {size:.1f} MB written to {path}."
    )


@app.command()
def restore(
    path: Annotated[
        Path, typer.Argument(exists=True, help="A folder of backups (the newest is taken), or one backup.")
    ],
) -> None:
    """Fill an empty data folder and database from a backup, and check every promise of what came out."""
    from backend.embedded import backup as backups
    from backend.embedded.instance import empty_instance

    settings = load_settings()
    with contextlib.ExitStack() as stack:
        if not settings.database_url:
            settings = stack.enter_context(empty_instance(settings))
        database = stack.enter_context(_database(settings, statement_seconds=0, as_owner=True))
        report = backups.restore(database, settings, path)
    for fault in report.faults:
        print(fault)
    print(json.dumps(report.counts, sort_keys=True))
    if report.faults:
        _fail(f"Restored with {len(report.faults)} faults; try another backup.")
    print(f"Restored into {settings.data}; fsck found no fault.")


@app.command()
def openapi() -> None:
    """Print the contract, as checked in as openapi.json."""
    from backend.app import create_app
    from backend.app.document import as_text, make_document

    with tempfile.TemporaryDirectory() as nowhere:
        contract = make_document(create_app(Settings(data=Path(nowhere), database_url="postgresql:///never_asked")))
    sys.stdout.write(as_text(contract))


def main() -> None:
    """The entry point `consilium`: a refusal is a sentence on stderr, not a traceback."""
    from backend.embedded.processes import CannotStart

    try:
        app()
    except (ConsiliumError, SettingsError, CannotStart) as problem:
        _fail(str(problem))


def _settings() -> Settings:
    """Settings, with the database of a `consilium run` in the same data folder where none is named."""
    settings = load_settings()
    if settings.database_url:
        return settings
    from backend.embedded.instance import reachable_data_folder
    from backend.embedded.postgres import OWNER_URL_FILE, URL_FILE

    data = reachable_data_folder(settings.data).absolute()
    secrets = data / "secrets"
    files = {"database_url_file": secrets / URL_FILE, "database_owner_url_file": secrets / OWNER_URL_FILE}
    missing = [str(file) for file in files.values() if not file.is_file()]
    if missing:
        raise SettingsError(
            f"No database: set CONSILIUM_DATABASE_URL_FILE, or start `consilium run` first ({missing[0]})."
        )
    return Settings(**{**settings.model_dump(), **files, "data": data})


@contextlib.contextmanager
def _database(settings: Settings, statement_seconds: float = 60, as_owner: bool = False) -> Iterator["Database"]:
    from backend.database import Database

    url = (as_owner and settings.database_owner_url) or settings.database_url
    database = Database(url, pool_size=1, statement_seconds=statement_seconds)
    try:
        yield database
    finally:
        database.close()


def _print_link(url: str, minutes: int) -> None:
    print(f"Open this once, within {minutes} minutes, and choose a password:\n{url}")


def _fail(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
