"""Real queries that several targets' kernels are part of, written once, each in njit."""
