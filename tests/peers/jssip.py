"""JsSIP, a SIP phone for browsers, on a page of our own; `make peers` fetches it from npm.

Its package has CommonJS modules only, which browsers do not load: `packed` makes one script of them.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from tests.peers.process import PeerError
from tests.peers.registry import JSSIP
from ua import web

_PAGE = Path(__file__).with_name("jssip") / "call.html"
_CALL = Path(web.__file__).with_name("call.js")
"""Reads the statistics of a peer connection."""

_REQUIRE = re.compile(r"""\brequire\(['"]([^'"]+)['"]\)""")

_SCRIPT = """window.%(variable)s = ((modules, start) => {
    const loaded = {};
    const load = (key) => {
        if (!(key in loaded)) {
            const module = (loaded[key] = { exports: {} });
            const [run, keys] = modules[key];
            run.call(module.exports, (name) => load(keys[name]), module, module.exports);
        }
        return loaded[key].exports;
    };
    return load(start);
})({%(modules)s}, %(start)s);
"""


def write_page(folder: Path) -> Path:
    """Write the page and its scripts into a folder; its `dial(server, target)` calls."""
    (folder / "jssip.js").write_text(packed(JSSIP / "node_modules", "jssip", "JsSIP"), encoding="utf-8")
    shutil.copy(_CALL, folder)
    return Path(shutil.copy(_PAGE, folder))


def packed(root: Path, package: str, variable: str) -> str:
    """One script of a package's CommonJS modules and all that they require. Raises PeerError.

    Args:
        root: a folder node_modules with all packages beside each other.
        package: whose exports are wanted.
        variable: global that gets them.
    """
    root = root.resolve()
    modules: dict[Path, str] = {}

    def add(path: Path) -> str:
        key = str(path.relative_to(root))
        if path not in modules:
            modules[path] = ""  # they may require each other
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".json":
                text = f"module.exports = {text};"
            keys = {name: add(_file(root, path.parent, name)) for name in _REQUIRE.findall(text)}
            modules[path] = (
                f"{json.dumps(key)}: [function (require, module, exports) {{{text}\n}}, {json.dumps(keys)}]"
            )
        return key

    start = json.dumps(add(_file(root, root, package)))
    return _SCRIPT % {"variable": variable, "modules": ",\n".join(modules.values()), "start": start}


def _file(root: Path, folder: Path, name: str) -> Path:
    """The file that `require(name)` means in a module of `folder`."""
    path = Path(folder if name.startswith(".") else root, name).resolve()
    for file in (path, path.with_name(f"{path.name}.js"), path.with_name(f"{path.name}.json")):
        if file.is_file():
            return file
    description = path / "package.json"
    if description.is_file():
        fields = json.loads(description.read_text(encoding="utf-8"))
        # "browser" may also be a table of replacements, which none of these packages needs.
        browser = fields.get("browser")
        return _file(
            root, path, f"./{browser if isinstance(browser, str) else fields.get('main', 'index.js')}"
        )
    if (path / "index.js").is_file():
        return path / "index.js"
    raise PeerError(f"{folder}: no module {name!r}")
