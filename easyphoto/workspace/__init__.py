"""The workspace: where persons, runs, results and weights lie on disk."""
