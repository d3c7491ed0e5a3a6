"""The command line: words in, commands run, paths and exit codes out."""
