"""Hulls, regressions, structural recipes and recommendations over cells of any kind.

A cell is one recipe on one source in one group; see `workbench.analysis.axes`. Nothing here knows
of kernels or codecs: a tidy frame (pandas) and an `Axes` are all that a function takes.
"""
