"""Search spaces and their points, the architectures."""
