"""What a person uses in JupyterLab: live widgets over races and sweeps.

Nothing here measures or judges: a widget asks the same functions as the commands do, in processes
that can be cancelled, and shows what they answer.
"""
