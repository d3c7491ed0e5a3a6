"""Self-contained HTML reports and contact sheets of a run."""
