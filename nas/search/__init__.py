"""Searching: objective, evaluators, samplers, the study and its executors."""
