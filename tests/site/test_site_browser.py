"""The site in a real Chromium, from file:// and without a server."""

import pytest

from workbench.digest import pdf

WIDTHS = {"desktop": (1440, 900), "phone": (390, 844)}
PAGES = (
    *("index", "docs/exploits", "docs/targets/README", "docs/design", "docs/commands"),
    *("targets/pq_l2/README", "reports/0001-pq-l2/data/results", "reports/ledgers"),
    *("reports/0004-encoder-sweep/README", "docs/decisions/README", "docs/coming-from"),
    *("notebooks/regressions", "notebooks/progress"),
)

pytestmark = pytest.mark.skipif(pdf.browser() is None, reason="no Chromium here")


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=pdf.browser(), args=pdf.FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=WIDTHS)
def view(request, chromium):
    """A window of one width that keeps what went wrong in it."""
    width, height = WIDTHS[request.param]
    context = chromium.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda said: said.type == "error" and page.wrong.append(said.text))
    yield page
    assert page.wrong == []
    context.close()


def test_search_finds_and_leads_there(site, view):
    view.goto((site / "index.html").as_uri())
    box = view.locator("input[name=q]").first
    if not box.is_visible():  # on a phone the menu is behind its button
        view.locator("label.nav-overlay-icon").first.click()
    box.fill("crossover")
    box.press("Enter")
    hit = view.locator("ul.search li a", has_text="Glossary")
    hit.wait_for()
    assert "crossover" in view.locator("ul.search p.context").first.inner_text().lower()
    hit.click()
    assert view.locator("h1").inner_text().startswith("Glossary")
    assert view.url.startswith(f"{(site / 'docs' / 'glossary.html').as_uri()}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_its_window(site, view, scheme):
    view.emulate_media(color_scheme=scheme)
    for name in PAGES:
        view.goto((site / f"{name}.html").as_uri())
        size = "document.documentElement"
        assert view.evaluate(f"{size}.scrollWidth - {size}.clientWidth") == 0, name
        assert view.evaluate("[...document.images].every(i => i.complete && i.naturalWidth)"), name
    dark = view.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(255, 255, 255)") is (scheme == "light")


def test_a_menu_leads_to_every_section(site, view):
    view.goto((site / "index.html").as_uri())
    captions = view.locator(".sidebar-tree .caption-text").all_text_contents()
    assert captions == ["Start", "Guides", "Targets", "Results", "Decisions", "More"]


def test_code_is_shown_and_not_downloaded(site, view):
    view.goto((site / "index.html").as_uri())
    view.locator("a", has_text="targets/pq_l2/kernels.py").first.click()
    assert "@njit" in view.locator("body").inner_text()
