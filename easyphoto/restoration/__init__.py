"""Finished pictures made finer: faces restored, the whole enlarged."""
