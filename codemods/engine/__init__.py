"""From paths to written files: discovery, sources, edits and the run over a repository."""
