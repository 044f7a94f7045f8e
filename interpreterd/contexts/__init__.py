"""Contexts and their executions."""
