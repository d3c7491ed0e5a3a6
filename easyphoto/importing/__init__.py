"""Persons from elsewhere: an export of ours, or what the EasyPhoto extension of 2023 left; and new names for them."""
