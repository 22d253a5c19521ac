import sys
from pathlib import Path

# Evaluators are named by import path, in this process and in workers.
sys.path.insert(0, str(Path(__file__).parent))
