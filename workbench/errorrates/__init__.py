"""How often the judge is wrong on this machine: identical kernels, known gains, neutral edits."""
