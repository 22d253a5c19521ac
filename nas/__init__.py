"""Hardware-aware neural architecture search for lightweight models."""

__version__ = "0.1.0"
