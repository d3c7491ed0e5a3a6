"""Which weight files there are, where they come from, and where they lie."""
