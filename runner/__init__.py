"""Starts a whole installation on one machine: sandbox, portal, worker. Used by `make run`, `make demo` and the tests."""
