"""The name of this phone that is the same for ever: a UUID in a file of the user (RFC 5626 §4.1)."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path


def state_path(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Where the name is kept, by the customs of the platform."""
    home = Path(environ.get("HOME") or Path.home())
    if platform == "win32":
        folder = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif platform == "darwin":
        folder = home / "Library" / "Application Support"
    else:
        base = environ.get("XDG_STATE_HOME", "")
        # A relative XDG path is invalid and ignored, says the base directory specification.
        folder = Path(base) if base.startswith("/") else home / ".local" / "state"
    return folder / "icephone" / "instance"


def instance_urn(path: Path) -> str:
    """The URN in the file; a new one is written where there is none.

    Where nothing can be written it is derived from the address of a network card and the path: the same as
    long as they are.
    """
    known = _read(path)
    fresh = uuid.uuid4()
    if known is None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Linked into place whole: of two phones that start together one wins, and both have its name.
            draft = path.with_name(f"{path.name}.{os.getpid()}")
            draft.write_text(f"{fresh}\n", encoding="ascii")
            try:
                os.link(draft, path)
            except FileExistsError:
                if _read(path) is None:
                    draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
            known = _read(path)
        except OSError:
            known = uuid.uuid5(uuid.NAMESPACE_URL, f"{uuid.getnode()} {path}")
    return (known or fresh).urn


def _read(path: Path) -> uuid.UUID | None:
    try:
        return uuid.UUID(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None
