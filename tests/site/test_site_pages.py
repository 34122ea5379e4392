"""What is staged: pages, links, menus."""

from pathlib import Path

from workbench.site import navigation, pages

ROOT = Path(__file__).resolve().parents[2]


def test_links_in_code_are_none():
    text = "# A\n\n`[a](b.md)` and\n\n    [c](d.md)\n\n| [e](f.md) |\n|---|\n| ![g](h.png) |\n"
    assert [(link.href, link.line) for link in pages.links("a.md", text)] == [
        ("f.md", 7),
        ("h.png", 9),
    ]


def test_pages_are_what_readers_read():
    found = pages.pages(pages.tracked(ROOT))
    assert {"README.md", "docs/design.md", "targets/pq_l2/program.md"} <= set(found)
    assert not [name for name in found if name.startswith((".", "tests/", "workbench/"))]


def test_every_page_stands_in_the_menu_once():
    found = pages.pages(pages.tracked(ROOT))
    trees = navigation.toctrees(found)
    placed = [child for captions in trees.values() for page in captions.values() for child in page]
    assert sorted([*placed, "README.md"]) == sorted(found)
    assert list(trees["README.md"]["Start"])[:2] == ["docs/README.md", "docs/tutorial.md"]
