"""Photos of a person become a dataset and a verdict for every photo."""
