"""Networks as converters want them: the same function from other modules."""
