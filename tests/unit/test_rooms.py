"""What import-linter cannot see: one place for commits, one reader of the environment, no torch in the API, no pickles.

The checks read syntax trees, so a word in a comment or a docstring offends nobody. Each rule is also run on a planted breach:
a check that finds nothing must be shown to find something.
"""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = ("backend", "worker")
Offence = tuple[int, str]
Rule = Callable[[ast.AST], Iterator[Offence]]


def _commits(tree: ast.AST) -> Iterator[Offence]:
    """Calls of anything named commit, and SQL that says it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "commit":
            yield node.lineno, "commit"
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value.strip(" ;").upper() == "COMMIT"
        ):
            yield node.lineno, "COMMIT"


def _reads_environment(tree: ast.AST) -> Iterator[Offence]:
    """`os.environ`, `os.getenv` and their imports by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"):
            yield node.lineno, node.attr
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (
                (node.lineno, name.name) for name in node.names if name.name in ("environ", "environb", "getenv")
            )


def _imports_of(*packages: str) -> Rule:
    def rule(tree: ast.AST) -> Iterator[Offence]:
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            yield from ((node.lineno, name) for name in names if name.split(".")[0] in packages)

    return rule


def _dynamic_imports(tree: ast.AST) -> Iterator[Offence]:
    """`importlib.import_module` and `__import__`: import-linter is blind to them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "import_module":
            yield node.lineno, "import_module"
        if isinstance(node, ast.Name) and node.id in ("__import__", "import_module"):
            yield node.lineno, node.id


def _unsafe_calls(tree: ast.AST) -> Iterator[Offence]:
    """What may run or write anything an attacker chose: SAFETY.md section 12."""
    forbidden = {"load", "loads", "extractall", "unpack_archive"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
            yield node.lineno, node.func.id
        if isinstance(node, ast.Attribute) and node.attr in ("extractall", "unpack_archive"):
            yield node.lineno, node.attr
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            dotted = f"{node.value.id}.{node.attr}"
            if dotted in ("torch.load", "torch.save", "yaml.load") or (
                node.value.id == "pickle" and node.attr in forbidden
            ):
                yield node.lineno, dotted
        if isinstance(node, ast.keyword) and (node.arg, getattr(node.value, "value", None)) in (
            ("allow_pickle", True),
            ("shell", True),
            ("verify", False),
        ):
            yield node.value.lineno, f"{node.arg}={getattr(node.value, 'value', None)}"


def _offences(rule: Rule, *rooms: str, but: tuple[str, ...] = ()) -> list[str]:
    found = []
    for room in rooms:
        for file in sorted((ROOT / room).rglob("*.py")):
            name = file.relative_to(ROOT).as_posix()
            if name not in but:
                found += [f"{name}:{line} {what}" for line, what in rule(ast.parse(file.read_text()))]
    return found


def test_only_the_database_module_commits() -> None:
    # Alembic's transactions belong to Alembic; nothing of ours names them.
    assert _offences(_commits, *OURS, but=("backend/database.py",)) == []


def test_only_the_settings_read_the_environment() -> None:
    # The supervisor hands its own environment on to its children, and the import child gets an empty one.
    assert _offences(_reads_environment, *OURS, but=("backend/settings.py", "backend/embedded/supervisor.py")) == []


def test_the_backend_names_neither_torch_nor_the_worker() -> None:
    assert _offences(_imports_of("torch", "monai", "torchvision", "worker"), "backend") == []


def test_nothing_imports_torchvision() -> None:
    # No torchvision matches torch 2.13.0 (DESIGN section 11).
    assert _offences(_imports_of("torchvision"), *OURS, "benchmarks", "tests") == []


def test_nothing_is_imported_by_a_string() -> None:
    assert _offences(_dynamic_imports, *OURS) == []


def test_nothing_unpickles_evaluates_or_unpacks_blindly() -> None:
    assert _offences(_unsafe_calls, *OURS, "benchmarks") == []


@pytest.mark.parametrize(
    ("rule", "breach"),
    [
        (_commits, "db.commit()"),
        (_commits, "db.execute('commit;')"),
        (_reads_environment, "import os\nos.environ['X']"),
        (_reads_environment, "from os import getenv"),
        (_imports_of("torch"), "def f():\n    import torch.nn"),
        (_imports_of("worker"), "from worker.gateway import x"),
        (_dynamic_imports, "importlib.import_module('torch')"),
        (_unsafe_calls, "torch.load(p)"),
        (_unsafe_calls, "np.load(p, allow_pickle=True)"),
        (_unsafe_calls, "subprocess.run(c, shell=True)"),
        (_unsafe_calls, "archive.extractall(p)"),
    ],
)
def test_a_planted_breach_is_found(rule: Rule, breach: str) -> None:
    assert list(rule(ast.parse(breach)))


def test_the_api_starts_where_torch_cannot_be_imported() -> None:
    program = (
        "import sys\n"
        "for name in ('torch', 'monai', 'scipy', 'SimpleITK', 'worker'):\n"
        "    sys.modules[name] = None\n"  # any import of it raises
        "import backend.app\n"
        "backend.app.create_app\n"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
