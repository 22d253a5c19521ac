"""The losses: cross entropy against labels, and soft targets against a teacher."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.training.recipe import Divergence, Recipe

_MAX_RATIO = 5.0  # AlphaNet's: one class must not outweigh all others
_MIN_RATIO = 1e-30  # has a logarithm


def label_loss(logits: Tensor, labels: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Return the mean cross entropy.

    Args:
        logits: (N, num_classes).
        labels: class indices (N,), or class probabilities (N, num_classes) as mixup makes them.
        smoothing: probability spread evenly over all classes.
    """
    return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def distillation_loss(
    logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0, divergence: Divergence = "kl"
) -> Tensor:
    """Return how far the student's softened distribution is from the teacher's.

    ``kl``: soft targets (Hinton 2015, arXiv 1503.02531). We take the Kullback-Leibler divergence where the paper takes
    the cross entropy: the gradient is the same, and the value is 0 when the two agree. ``alpha``: see
    `alpha_divergence`. The factor `temperature` squared keeps the gradient's size, as in Hinton's paper.

    Args:
        logits: the student's (N, num_classes).
        teacher_logits: the teacher's; no gradient flows into them.
        temperature: softens both distributions; 1 leaves them.
        divergence: how the two are compared.
    """
    student = F.log_softmax(logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=1)
    if divergence == "alpha":
        return alpha_divergence(student, teacher) * temperature**2
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2


def soft_loss(logits: Tensor, teacher_logits: Tensor, recipe: Recipe) -> Tensor:
    """Return `distillation_loss` with a recipe's temperature and divergence."""
    temperature, divergence = recipe.distill_temperature, recipe.distill_divergence
    return distillation_loss(logits, teacher_logits, temperature=temperature, divergence=divergence)


def alpha_divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the larger of two alpha-divergences, image by image: of alpha -1 and of alpha 1.

    Wang et al. 2021, AlphaNet, arXiv 2102.07954, algorithm 1. Alpha 1 (Kullback-Leibler) punishes a student that is
    not sure enough of a class, alpha -1 (half of the chi-squared distance) one that is too sure. The ratios of
    probabilities are clipped, so the gradient is bounded; the value is that of the clipped divergence.

    Args:
        student: log-probabilities (N, num_classes).
        teacher: log-probabilities; no gradient flows into them.
    """
    ratio = (teacher.detach() - student.detach()).exp().clamp_min(_MIN_RATIO)
    surer = ratio.clamp_max(_MAX_RATIO)
    less_sure = ratio.reciprocal().clamp_max(_MAX_RATIO)
    q = student.detach().exp()
    values = torch.stack([(q * surer * surer.log()).sum(1), ((q * less_sure).sum(1) - 1) / 2])
    # Their gradients are those of these weighted log-probabilities, with the clipped ratios held fast.
    slopes = torch.stack([-(q * surer * student).sum(1), (q * less_sure * student).sum(1)])
    larger = values.argmax(0, keepdim=True)
    value, slope = values.gather(0, larger).mean(), slopes.gather(0, larger).mean()
    return value + slope - slope.detach()
