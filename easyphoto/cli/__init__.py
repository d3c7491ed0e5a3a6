"""The command line: parses arguments, runs commands, prints paths and returns exit codes."""
