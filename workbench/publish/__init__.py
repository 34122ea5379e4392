"""Pictures and texts made from records and ledgers, for notebooks and pages.

Figures are made without pyplot, so nothing is shared between them and nothing has to be closed;
each shows itself when it is the last expression of a notebook's cell.

- `forest` and `trajectory` draw one trial and one ledger; `trial_picture` puts both in one image.
- `gaps` and `scores` draw them where a trial is judged by a score; `measured` and `tried` choose.
- `verdict`, `combo_table`, `key_values` and `mismatch` say the same in words and figures.
- `Bar` shows a running trial; `require_correct` fails a notebook whose candidate was wrong.
"""

from workbench.publish.forest import forest, machine
from workbench.publish.scores import gaps, scores
from workbench.publish.style import Picture
from workbench.publish.texts import (
    Bar,
    TrialFailed,
    combo_table,
    key_values,
    mismatch,
    require_correct,
    verdict,
)
from workbench.publish.trajectory import trajectory, trial_picture
from workbench.publish.whichever import measured, tried

__all__ = [
    "Bar",
    "Picture",
    "TrialFailed",
    "combo_table",
    "forest",
    "gaps",
    "key_values",
    "machine",
    "measured",
    "mismatch",
    "require_correct",
    "scores",
    "trajectory",
    "trial_picture",
    "tried",
    "verdict",
]
