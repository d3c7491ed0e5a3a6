"""The command line: words in, verbs of `easyphoto.app` called, paths and exit codes out."""
