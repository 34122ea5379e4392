"""The real systems that the truth comes from, one module each, imported only when asked."""
