"""Where file writers are created, and where they can be created once."""
