"""HTML and SVG that cannot be broken by text from the wire: whatever is not `Markup` is escaped."""

from __future__ import annotations

import html

from ua.view.text import printable


class Markup(str):
    """Text that is HTML already; only `element`, `join` and `fixed` make it."""

    __slots__ = ()


def clean(text: str) -> str:
    """`text` escaped for HTML; control and direction characters become visible escapes."""
    return html.escape(printable(text.replace("\r\n", "\n").replace("\t", "    "), lines=True), quote=True)


def fixed(markup: str) -> Markup:
    """Marks a constant of our own as HTML; never for text that came from anywhere else."""
    return Markup(markup)


def join(*parts: str) -> Markup:
    """The parts one after the other, plain strings escaped."""
    return Markup("".join(part if isinstance(part, Markup) else clean(part) for part in parts))


def element(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """An element; `class_` is class, other underscores are hyphens; None leaves an attribute out."""
    shown = []
    for key, value in attributes.items():
        if value is None:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        if isinstance(value, str):
            shown.append(f' {attribute}="{clean(value)}"')
        else:
            shown.append(f' {attribute}="{number(value)}"')
    if name in _EMPTY and not children:
        return Markup(f"<{name}{''.join(shown)}/>")
    return Markup(f"<{name}{''.join(shown)}>{join(*children)}</{name}>")


def number(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{float(value):.2f}".rstrip("0").rstrip(".")


_EMPTY = frozenset(
    {"line", "rect", "circle", "path", "polyline", "polygon", "meta", "br", "hr", "use", "ellipse"}
)
