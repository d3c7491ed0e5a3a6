"""Persons in a workspace: installed, imported, renamed, deleted."""
