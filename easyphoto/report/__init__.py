"""Self-contained pages and contact sheets of what a run did."""
