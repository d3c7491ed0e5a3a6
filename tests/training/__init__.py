"""Tests of the trainer, on a tiny random family."""
