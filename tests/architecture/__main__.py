"""`python -m tests.architecture`: write the import contract of the cores into pyproject.toml."""

from tests.architecture.rooms import ROOT, with_contract

if __name__ == "__main__":
    page = ROOT / "pyproject.toml"
    page.write_text(with_contract(page.read_text(encoding="utf-8")), encoding="utf-8")
