"""Contexts, their executions, and the events of both."""
