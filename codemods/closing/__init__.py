"""How long a file writer is in use, and what closes or flushes it."""
