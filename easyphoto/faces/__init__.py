"""Finding, measuring and reshaping faces."""
