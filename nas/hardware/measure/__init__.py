"""Measurement of networks, one file an engine."""
