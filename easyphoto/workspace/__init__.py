"""The workspace: the folder with persons, runs, results and weights."""
