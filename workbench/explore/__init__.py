"""Explorers for a person in JupyterLab: `races.show` and `sweeps.show`."""
