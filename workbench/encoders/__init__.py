"""Encoder recipes: a grid of encodes with the real ffmpeg, scored by the real VMAF, into rows.

In order of use: `sources` gives clips, `codecs` says how each encoder spells its rate control and
recipes, `grid` makes cells of both, `sweep` runs them; `encode` and `score` are one cell's work.
"""
