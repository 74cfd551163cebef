"""Tests of the ways to show control."""
