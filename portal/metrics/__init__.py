"""Figures for Prometheus: what this process has seen, and what the database says."""
