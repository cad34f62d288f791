"""The architecture, held by tests: which package may import which."""

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Every part of the project, the top first. A part imports only from parts below it, however deep
# inside a function the import stands; `docs/architecture.md` shows the same order as a diagram.
ORDER = (
    "visualsearch",
    "search.urls",
    "search.apps",
    "search.admin",
    "search.management",
    "search.templatetags",
    "search.context_processors",
    "search.models",
    "search.tasks",
    "search.health",
    "search.checks",
    "search.branding",
    "search.pages",
    "search.api",
    "search.doctor",
    "search.demand",
    "search.evaluation",
    "search.tuning",
    "search.catalog_map",
    "search.calibration",
    "search.datasets",
    "search.explain",
    "search.switching",
    "search.service",
    "search.engines",
    "search.bands",
    "search.orders",
    "search.queries",
    "search.metrics",
    "search.index",
    "search.ranking",
    "catalog.urls",
    "catalog.apps",
    "catalog.management",
    "catalog.templatetags",
    "catalog.checks",
    "catalog.backup",
    "catalog.media",
    "catalog.middleware",
    "catalog.api",
    "catalog.admin",
    "catalog.feeds",
    "catalog.importers",
    "catalog.models",
    "catalog.tasks",
    "catalog.embedding",
    "catalog.serving",
    "catalog.vectors",
    "catalog.embedders",
    "catalog.fetching",
    "catalog.pictures",
    "catalog.values",
    "catalog.files",
    "catalog.messages",
)
MOST_MODULES = 12  # at the top level of `search` and of `catalog`
# Django, DRF and Celery are for the thin skin around these.
PLAIN = (
    "catalog/embedders",
    "catalog/fetching/addresses.py",
    "catalog/fetching/fetcher.py",
    "catalog/fetching/hosts.py",
    "catalog/files.py",
    "catalog/importers/product_page.py",
    "catalog/importers/sales.py",
    "catalog/importers/packing.py",
    "catalog/importers/spreadsheet.py",
    "catalog/importers/tables.py",
    "catalog/importers/xml_feed.py",
    "catalog/messages/__init__.py",
    "catalog/pictures/colours.py",
    "catalog/pictures/containers",
    "catalog/pictures/gate.py",
    "catalog/pictures/profiles.py",
    "catalog/pictures/slots.py",
    "catalog/values.py",
    "catalog/vectors.py",
    "search/branding/accent.py",
    "search/branding/colours.py",
    "search/branding/logo.py",
    "search/queries/photo_cache/files.py",
    "search/queries/photo_cache/redis.py",
    "search/ranking",
)
# Their messages reach only those who run the shop, in logs and on the command line, in English.
FOR_OPERATORS = {
    *("DamagedFile", "ExportFailed", "InvalidCheckpoint", "InvalidHeaders", "InvalidLogo"),
    "WeightsUnavailable",
}


def sources(place: str) -> list[Path]:
    path = ROOT / place
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def code() -> Iterator[Path]:
    """The project's modules; migrations name the modules of their time."""
    for top in ("visualsearch", "catalog", "search"):
        yield from (path for path in sources(top) if "migrations" not in path.parts)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(path: Path) -> Iterator[str]:
    """The modules that a file imports, also inside functions, as precisely as can be told."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                place = ROOT.joinpath(*name.split("."))
                is_module = place.is_dir() or place.with_suffix(".py").exists()
                yield name if is_module else str(node.module)


def part_of(module: str) -> str:
    """The part of ORDER that a module belongs to, "" for a module of somebody else's."""
    names = module.split(".")
    if names[0] == "visualsearch":
        return "visualsearch"
    return ".".join(names[:2]) if names[0] in ("catalog", "search") and len(names) > 1 else ""


def test_every_part_has_its_place() -> None:
    parts = {part_of(module_of(path)) for path in code()} - {""}
    assert parts <= set(ORDER)


def test_parts_import_only_what_is_below_them() -> None:
    upward = set()
    for path in code():
        own = part_of(module_of(path))
        for name in imported_by(path):
            other = part_of(name)
            if own and other and own != other and ORDER.index(other) < ORDER.index(own):
                upward.add(f"{module_of(path)} imports {name}")
    assert not upward, "\n".join(sorted(upward))


def test_modules_do_not_import_in_circles() -> None:
    graph = {module_of(path): set(imported_by(path)) for path in code()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in graph.get(name, set()) - {name}:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_catalog_names_no_address_of_search() -> None:
    """An address by name would be an import that nobody sees."""
    names = set(re.findall(r'name="([\w-]+)"', (ROOT / "search/urls.py").read_text()))
    for path in sources("catalog"):
        used = set(re.findall(r'(?:reverse|redirect)\(\s*"([\w-]+)"', path.read_text()))
        assert not used & names, path


def test_admin_templates_of_the_catalog_know_nothing_of_search() -> None:
    """What search adds to the admin is in templates that `search.admin` names."""
    tags = {path.stem for path in (ROOT / "search/templatetags").glob("*.py")}
    urls = set(re.findall(r'name="([\w-]+)"', (ROOT / "search/urls.py").read_text()))
    folder = ROOT / "templates/admin"
    for path in (*folder.glob("*.html"), *folder.glob("catalog/**/*.html")):
        text = path.read_text()
        loaded = {tag for line in re.findall(r"{% load ([^%]+)%}", text) for tag in line.split()}
        assert not loaded & tags, path
        assert not set(re.findall(r'{% url "([\w-]+)"', text)) & urls, path
        assert "admin/search/" not in text, path


@pytest.mark.parametrize("top", ["catalog", "search"])
def test_few_modules_stand_alone(top: str) -> None:
    modules = [path for path in (ROOT / top).glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES


@pytest.mark.parametrize("place", PLAIN)
def test_plain_modules_know_nothing_of_django(place: str) -> None:
    assert sources(place)
    for path in sources(place):
        tops = {name.split(".")[0] for name in imported_by(path)}
        assert not tops & {"django", "rest_framework", "celery"}, path


@pytest.mark.parametrize("place", PLAIN)
def test_errors_of_plain_modules_can_be_translated(place: str) -> None:
    """They carry a `catalog.messages.Sentence`, and not a text that is English for ever."""
    for path in sources(place):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                name = ast.unparse(node.exc.func)
                is_own_class = name[0].isupper() and not hasattr(builtins, name)
                is_text = isinstance(node.exc.args[0], ast.Constant | ast.JoinedStr)
                is_wrong = is_own_class and is_text and name not in FOR_OPERATORS
                assert not is_wrong, f"{path}, line {node.lineno}"


def test_makemessages_finds_all_sentences() -> None:
    """It reads texts where they are written, and no expressions."""
    texts = {"sentence": 1, "counted": 2}
    for path in code():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                given = node.args[: texts.get(node.func.id, 0)]
                is_literal = all(isinstance(text, ast.Constant) for text in given)
                assert is_literal, f"{path}, line {node.lineno}"


def test_packages_say_what_they_are_for() -> None:
    """Each has a docstring, and `__all__` lists its public functions, classes or modules."""
    for path in code():
        if path.name == "__init__.py" and path.parent.parent != ROOT:
            if {"management", "templatetags"} & set(path.parts):
                continue
            tree = ast.parse(path.read_text())
            assert ast.get_docstring(tree), path
            assert any(
                isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
                for node in tree.body
            ), path
