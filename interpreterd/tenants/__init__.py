"""Tenants: whose a token is, what it may do, and what a tenant may use of the daemon."""
