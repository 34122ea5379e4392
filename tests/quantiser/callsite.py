"""No query: nothing around the kernel is raced."""
