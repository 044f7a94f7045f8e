"""Launchers start workers: one file each."""
