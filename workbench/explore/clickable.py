"""HTML or SVG made in Python, of which some parts can be chosen and say more when pointed at."""

from __future__ import annotations

import anywidget
import traitlets

_ESM = """
function render({ model, el }) {
  const page = document.createElement("div");
  const tip = document.createElement("div");
  tip.className = "workbench-tip";
  tip.hidden = true;
  el.classList.add("workbench-clickable");
  el.append(page);
  document.body.append(tip);  // where no scrolled box cuts it off
  const parts = () => page.querySelectorAll("[data-key]");
  const mark = () => {
    for (const part of parts()) {
      const chosen = part.dataset.key === model.get("chosen");
      part.classList.toggle("workbench-chosen", chosen);
      part.setAttribute("aria-pressed", chosen);
    }
  };
  const draw = () => {
    tip.hidden = true;
    page.innerHTML = model.get("html");
    for (const part of parts()) {
      part.setAttribute("role", "button");
      part.setAttribute("tabindex", "0");
    }
    mark();
  };
  const choose = (event) => {
    const part = event.target.closest("[data-key]");
    if (!part) return;
    model.set("chosen", part.dataset.key);
    model.save_changes();
  };
  const show = (event) => {
    const part = event.target.closest("[data-tip]");
    tip.hidden = !part;
    if (!part) return;
    tip.textContent = part.dataset.tip;
    const there = part.getBoundingClientRect(), gap = 8;
    const below = there.bottom + gap, above = there.top - gap - tip.offsetHeight;
    const fits = below + tip.offsetHeight < window.innerHeight || above < 0;
    tip.style.top = `${fits ? below : above}px`;
    tip.style.left = `${Math.max(0, Math.min(there.left, window.innerWidth - tip.offsetWidth))}px`;
  };
  page.addEventListener("click", choose);
  page.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(event);
    }
  });
  for (const kind of ["pointerover", "focusin"]) page.addEventListener(kind, show);
  for (const kind of ["pointerleave", "focusout"]) {
    page.addEventListener(kind, () => { tip.hidden = true; });
  }
  model.on("change:html", draw);
  model.on("change:chosen", mark);
  draw();
  return () => tip.remove();
}
export default { render };
"""
# Colours are the notebook's own, so that light and dark both fit.
_CSS = """
.workbench-clickable { color: var(--jp-ui-font-color1, #222); }
.workbench-clickable [data-key] { cursor: pointer; }
.workbench-clickable [data-key]:focus-visible {
  outline: 2px solid var(--jp-brand-color1, #0072B2);
}
.workbench-clickable g.workbench-chosen > .ring { stroke-opacity: 1; }
.workbench-clickable tr.workbench-chosen { background: var(--jp-layout-color3, #ccc); }
.workbench-tip {
  position: fixed; z-index: 10000; max-width: 34em; padding: 6px 8px; pointer-events: none;
  white-space: pre-wrap; overflow-wrap: anywhere;
  font: 12px/1.4 var(--jp-code-font-family, monospace);
  color: var(--jp-ui-font-color1, #222); background: var(--jp-layout-color2, #eee);
  border: 1px solid var(--jp-border-color1, #bbb); border-radius: 3px;
}
"""


class Clickable(anywidget.AnyWidget):
    """A picture or a table whose parts are buttons.

    Whoever makes ``html`` escapes what it takes from files.

    Attributes
    ----------
    html : str
        Elements with ``data-key`` can be chosen, by mouse or keyboard; one with ``data-tip`` shows
        that text while it is pointed at or has the focus.
    chosen : str
        The key that was chosen last; empty for none.
    """

    _esm = _ESM
    _css = _CSS
    html = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
