"""Consilium on one machine without Docker: our own PostgreSQL, and one supervisor for every process (`make run`)."""
