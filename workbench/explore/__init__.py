"""Explorers for a person in JupyterLab: `races.show` and `sweeps.show`.

Nothing here measures or judges: a widget asks the same functions as the commands do, in processes
that can be cancelled, and shows what they answer.
"""
