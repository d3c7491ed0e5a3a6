"""What can be asked for: one module for each command, each a frozen value that is checked, written down and run."""
