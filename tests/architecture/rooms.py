"""Which modules are cores and which are shells.

A core has no IO, no clock and no chance: what it needs of them are arguments. A shell is the thin asyncio (or
terminal) side of a core. Every module stands in exactly one of the two tables; a package's own `__init__` is
its door and stands in neither. The import contract in pyproject.toml is written from here by
`python -m tests.architecture`.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = ("ice", "sdp", "media", "ua")

FORBIDDEN = (
    "asyncio",
    "random",
    "secrets",
    "select",
    "selectors",
    "socket",
    "subprocess",
    "threading",
    "time",
)
"""What no core may import, nor import over a third module."""

CORE: dict[str, tuple[str, ...]] = {
    "ice": ("config", "errors", "messages", "types"),
    "sdp": (),
    "media": (),
    "ua": ("events",),
}

SHELL: dict[str, tuple[str, ...]] = {
    "ice": ("network",),
    "sdp": (),
    "media": (),
    "ua": (),
}

_BEGIN = "# Written by 'python -m tests.architecture' from tests/architecture/rooms.py."
_END = "# End of what is written."


def names(table: dict[str, tuple[str, ...]]) -> list[str]:
    """Full names of a table's modules, sorted."""
    return sorted(f"{package}.{module}" for package, modules in table.items() for module in modules)


def existing() -> list[str]:
    """Full names of all modules of the packages, without the doors, sorted."""
    return sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    )


def contract() -> str:
    """The import contract of the cores as TOML."""

    def array(values: list[str]) -> str:
        return "[\n" + "".join(f'    "{value}",\n' for value in values) + "]"

    return "\n".join(
        [
            _BEGIN,
            "[[tool.importlinter.contracts]]",
            'name = "cores have no IO, no clock and no chance"',
            'type = "forbidden"',
            f"source_modules = {array(names(CORE))}",
            f"forbidden_modules = {array(list(FORBIDDEN))}",
            _END,
            "",
        ]
    )


def with_contract(pyproject: str) -> str:
    """The text of pyproject.toml with the contract of now in the place of the one it had."""
    before, _, rest = pyproject.partition(_BEGIN)
    after = rest.partition(_END)[2].lstrip("\n")
    return before.rstrip("\n") + "\n\n" + contract() + ("\n" + after if after else "")
