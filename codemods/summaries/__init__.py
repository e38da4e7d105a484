"""How summaries are read in traced code and written again on the host."""
