"""Tests README.md and docs/: generated tables are up to date, links work, commands exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from docs.generate import BLOCK, PAGES, TABLES, updated
from mnist_mlp.presets.declarations import HYPERPARAMETERS
from tests.helpers import PROJECT

OTHER_PAGES = [PROJECT / folder / "README.md" for folder in ("for_report/reference", "INFOS", "MNIST_data")]
BY_NAME = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@BY_NAME
def test_generated_tables_are_up_to_date(page):
    text = page.read_text(encoding="utf-8")
    assert updated(text) == text, "run: make docs"


def test_every_table_is_on_exactly_one_page():
    names = [match[2] for page in PAGES for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]
    assert sorted(names) == sorted(TABLES)


def test_presets_page_has_every_hyperparameter():
    text = (PROJECT / "docs" / "presets.md").read_text(encoding="utf-8")
    assert [name for name in HYPERPARAMETERS if f"| `{name}` |" not in text] == []


def test_readme_is_short():
    assert len((PROJECT / "README.md").read_bytes()) <= 8192


@BY_NAME
def test_links_within_the_project_work(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            path, _, anchor = target.partition("#")
            linked = page.parent / path if path else page
            assert linked.exists(), target
            assert not anchor or anchor in anchors(linked), target


@BY_NAME
def test_commands_name_existing_files(page):
    text = page.read_text(encoding="utf-8")
    for script in re.findall(r"\bpython3? ((?:[\w-]+/)?[\w-]+\.py)", text):
        assert (PROJECT / script).exists(), script
    for module in re.findall(r"python -m ((?:experiments|benchmarks|docs|tests)[.\w]*)", text):
        path = PROJECT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", text, re.MULTILINE):
        assert f"\n{target}:" in makefile, target


def test_user_results_are_ignored_by_git():
    users = "INFOS/eval_log.txt runs/1_preset31/record.json for_report/report.html for_report/depth.png".split()
    committed = "INFOS/README.md for_report/make_report.py for_report/reference/report.html".split()
    process = subprocess.run(
        ["git", "check-ignore", "--no-index", *users, *committed], cwd=PROJECT, capture_output=True, text=True
    )
    if process.returncode == 128:
        pytest.skip("not a git repository")
    assert process.stdout.split() == users


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
