"""The losses: cross entropy against labels, and soft targets against a teacher."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def label_loss(logits: Tensor, labels: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Return the mean cross entropy.

    Args:
        logits: (N, num_classes).
        labels: class indices (N,), or class probabilities (N, num_classes) as mixup makes them.
        smoothing: probability spread evenly over all classes.
    """
    return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def distillation_loss(logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Return how far the student's softened distribution is from the teacher's.

    Hinton 2015, arXiv 1503.02531. We take the Kullback-Leibler divergence where the paper takes the cross
    entropy: the gradient is the same, and the value is 0 when the two agree. The factor `temperature` squared
    keeps the gradient's size, as in the paper.

    Args:
        logits: the student's (N, num_classes).
        teacher_logits: the teacher's; no gradient flows into them.
        temperature: softens both distributions; 1 leaves them.
    """
    student = F.log_softmax(logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=1)
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2
