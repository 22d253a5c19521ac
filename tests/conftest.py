"""What every test needs: timm importable, one thread, small fixtures named after things."""

import torch

from nas import torch_compat

torch_compat.prepare()
torch.set_num_threads(1)
