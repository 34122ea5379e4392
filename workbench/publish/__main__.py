"""``python -m workbench.publish TRIAL_JSON LEDGER PICTURE``: the image of a trial, for a page."""

import argparse
from pathlib import Path

from workbench import ledger, record
from workbench.publish import trial_picture


def main() -> None:
    """Read a record and the ledger it belongs to; write one PNG file."""
    parser = argparse.ArgumentParser(prog="python -m workbench.publish", description=__doc__)
    parser.add_argument("trial", type=Path, help="a record's trial.json")
    parser.add_argument("ledger", type=Path, help="the results.tsv that has its row")
    parser.add_argument("picture", type=Path, help="the PNG file to write")
    chosen = parser.parse_args()
    picture = trial_picture(record.read(chosen.trial), ledger.read(chosen.ledger))
    chosen.picture.parent.mkdir(parents=True, exist_ok=True)
    chosen.picture.write_bytes(picture.png())


if __name__ == "__main__":
    main()
