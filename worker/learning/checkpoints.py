"""Checkpoints that survive `kill -9` at any byte: new file, fsync, rename; then the manifest, the same way; the previous one stays.

A checkpoint is a safetensors file; `manifest.json` names it, its sha256 and the plain facts beside it, newest first. A damaged or
missing newest file falls back to the previous one, and a manifest of another training (fingerprint) counts as none.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from worker.learning.files import load_safetensors, save_safetensors

KEPT = 2


class Checkpoints:
    """One training's checkpoints in one folder. `fingerprint` names the training: config, readings, seed, phase."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = folder, fingerprint
        folder.mkdir(parents=True, exist_ok=True)

    def following(self, stage: str) -> Checkpoints:
        """Those of a later stage of the same training, beside these."""
        return Checkpoints(self.folder / stage, f"{self.fingerprint}-{stage}")

    def save(self, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Durable once this returns. Raises OSError (disk full): the earlier checkpoints are then untouched."""
        content = save_safetensors(tensors, {})
        name = f"{self.fingerprint[:12]}-{step:08d}.safetensors"
        _replace(self.folder / name, content)
        entry = {"file": name, "sha256": hashlib.sha256(content).hexdigest(), "step": step, "facts": dict(facts)}
        entries = [entry, *(old for old in self._entries() if old["file"] != name)]
        manifest = {"fingerprint": self.fingerprint, "checkpoints": entries[:KEPT]}
        _replace(self.folder / "manifest.json", json.dumps(manifest, indent=1).encode())
        kept = {old["file"] for old in entries[:KEPT]}
        for path in self.folder.glob("*.safetensors"):
            if path.name not in kept:
                path.unlink()

    def load(self) -> tuple[int, dict[str, Tensor], dict[str, Any]] | None:
        """Step, tensors and facts of the newest intact checkpoint of this training, or None."""
        for entry in self._entries():
            path = self.folder / entry["file"]
            content = path.read_bytes() if path.is_file() else b""
            if hashlib.sha256(content).hexdigest() == entry["sha256"]:
                return entry["step"], load_safetensors(content)[0], entry["facts"]
        return None

    def _entries(self) -> list[dict[str, Any]]:
        try:
            manifest = json.loads((self.folder / "manifest.json").read_bytes())
        except (FileNotFoundError, ValueError):  # none yet, or torn by a file system without atomic rename
            return []
        return list(manifest["checkpoints"]) if manifest.get("fingerprint") == self.fingerprint else []


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
