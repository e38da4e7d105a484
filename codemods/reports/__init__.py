"""Each module here renders the result of a run in one format."""
