"""Build the site: stage, Sphinx, check, and only then put it where the last one was."""

from __future__ import annotations

import io
import re
import shutil
import tempfile
import time
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workbench import __version__
from workbench.errors import Infrastructure, Usage
from workbench.files import write_whole
from workbench.site import links, staging

NEEDED = ("sphinx", "myst_parser", "furo", "nbconvert")
# Which says that a folder is a site and may be replaced.
MARK = "external-links.txt"
SETTINGS: dict[str, Any] = {
    "project": "workbench",
    "root_doc": "README",
    "extensions": ["myst_parser", "workbench.site.extension"],
    "html_theme": "furo",
    "html_title": f"workbench {__version__}",
    "html_css_files": ["site.css"],
    "html_js_files": ["site.js"],
    "html_static_path": [str(Path(__file__).parent / "static")],
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_sphinx": False,
    "html_show_copyright": False,
    "pygments_style": "friendly",
    "myst_heading_anchors": 4,
    # Braces are braces, as on a forge.
    "myst_disable_syntax": ["myst_role", "myst_target", "substitution"],
    "suppress_warnings": ["myst.header"],
    "smartquotes": False,
}


@dataclass(frozen=True)
class Built:
    """A site that stands.

    Attributes
    ----------
    out : str
        Its folder; ``index.html`` is where to begin.
    pages, files, external : int
        Pages, files beside them, and links that leave it: those are listed, not fetched.
    seconds : float
        That it took.
    """

    out: str
    pages: int
    files: int
    external: int
    seconds: float


def build(root: Path, out: Path) -> Built:
    """Make the site of the project in ``out``; what was there stays until the new one is right.

    Raises
    ------
    Usage
        If ``out`` is something else than a site.
    Infrastructure
        If Sphinx is missing, or a link or a page is broken: page, line and what is wrong.
    """
    begin = time.perf_counter()
    _check(out)
    with tempfile.TemporaryDirectory(prefix="workbench-site-") as work:
        source, made = Path(work) / "source", Path(work) / "site"
        source.mkdir()
        staged = staging.stage(root, source)
        _refuse(list(staged.broken))
        _refuse(_sphinx(source, made, Path(work) / "doctrees"))
        for name in staged.files:
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, made / name)
        shutil.copyfile(made / "README.html", made / "index.html")
        _refuse(links.broken(made, staged.files))
        listed = [f"{link.href}  {link.page}:{link.line}" for link in staged.external]
        write_whole(made / MARK, ("\n".join(listed) + "\n").encode())
        _replace(out, made)
    seconds = time.perf_counter() - begin
    counts = len(staged.pages), len(staged.files), len({link.href for link in staged.external})
    return Built(str(out), *counts, seconds)


def _check(out: Path) -> None:
    """Refuse before anything slow what cannot end well."""
    lacking = [name for name in NEEDED if find_spec(name) is None]
    if lacking:
        raise Infrastructure(
            f"the site needs {', '.join(lacking)}, which are not here: pip install -e '.[site]'"
        )
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / MARK).exists()):
        raise Usage(f"{out} is no site: --out takes a new or empty folder, or an older site")


def _sphinx(source: Path, made: Path, doctrees: Path) -> list[str]:
    """Run Sphinx and return its warnings, each with page and line as in the repository."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    said = io.StringIO()
    with warnings.catch_warnings(), docutils_namespace():
        # What myst-parser calls in Sphinx and should not is theirs to mend; `said` is about pages.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        app = Sphinx(
            source,
            None,
            made,
            doctrees,
            "html",
            confoverrides=SETTINGS,
            status=None,
            warning=said,
            freshenv=True,
        )
        app.build()
    text = re.sub(r"\x1b\[[0-9;]*m", "", said.getvalue())
    return [line.replace(f"{source}/", "") for line in text.splitlines() if line.strip()]


def _refuse(broken: list[str]) -> None:
    if broken:
        more = f" (and {len(broken) - 5} more)" if len(broken) > 5 else ""
        raise Infrastructure(f"no site was made: {'; '.join(broken[:5])}{more}")


def _replace(out: Path, made: Path) -> None:
    """Put a site in place of an older one."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        shutil.copytree(made, fresh, dirs_exist_ok=True)
        fresh.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        fresh.replace(out)
    except OSError as error:
        raise Infrastructure(f"{out} cannot be written: {error.strerror or error}") from error
