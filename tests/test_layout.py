"""The architecture, held by tests: who may import whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# What each part of the house may import of the house.
ALLOWED = {"catalog": {"catalog"}, "search": {"search", "catalog"}}
PLAIN = ("catalog/images.py", "catalog/colours.py", "catalog/orientation.py", "catalog/vectors.py")
PLAIN += ("catalog/fetching.py", "catalog/addresses.py", "catalog/embedders", "search/ranking")


def sources(place: str) -> list[Path]:
    path = ROOT / place
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """The top-level packages a file imports, also inside of functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield str(node.module).split(".")[0]


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_go_one_way(package: str) -> None:
    house = {"visualsearch", "catalog", "search"}
    for path in sources(package):
        assert set(imports(path)) & house <= ALLOWED[package], path


@pytest.mark.parametrize("place", PLAIN)
def test_plain_modules_know_nothing_of_django(place: str) -> None:
    assert sources(place)
    for path in sources(place):
        assert not set(imports(path)) & {"django", "rest_framework", "celery"}, path


def test_modules_do_not_import_in_circles() -> None:
    graph = {module(path): set(modules(path)) for p in ALLOWED for path in sources(p)}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_files_stay_short() -> None:
    for place in ("catalog", "search", "visualsearch"):
        for path in sources(place):
            if "migrations" not in path.parts:
                assert len(path.read_text().splitlines()) <= 300, path


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(path: Path) -> Iterator[str]:
    """The modules of the house that a file imports when it runs."""
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.split(".")[0] in ALLOWED
        ):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                is_module = (ROOT / Path(*name.split("."))).with_suffix(".py").exists()
                yield name if is_module else node.module
