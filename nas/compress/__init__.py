"""Compression of a trained network: a chain of steps, each trained, scored and measured.

One file a method. `nas.compress.chain.compress` runs the steps that `parse_steps` reads and leaves, after each, a file
from which a killed chain goes on. Importing this package stays cheap: a wrong chain is refused before torch is loaded.
"""

from nas.compress.steps import Step, parse_steps

__all__ = ["Step", "parse_steps"]
