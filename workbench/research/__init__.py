"""Many researchers at once: claims, preflight, the loop and the merge queue, from git alone."""
