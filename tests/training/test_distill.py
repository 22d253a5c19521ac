from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from nas.training.distill import alpha_divergence, distillation_loss, label_loss


def logits(seed: int) -> torch.Tensor:
    return torch.randn(6, 5, generator=torch.Generator().manual_seed(seed))


def test_smoothed_labels_equal_the_smoothed_distribution() -> None:
    labels = torch.arange(6) % 5
    target = 0.9 * F.one_hot(labels, 5) + 0.1 / 5
    wanted = -(target * logits(0).log_softmax(dim=1)).sum(dim=1).mean()
    assert torch.allclose(label_loss(logits(0), labels, smoothing=0.1), wanted)
    assert torch.allclose(label_loss(logits(0), target), wanted)


def test_uniform_logits_cost_the_entropy() -> None:
    assert math.isclose(label_loss(torch.zeros(6, 5), torch.arange(6) % 5).item(), math.log(5), rel_tol=1e-6)


def test_agreement_costs_nothing_and_disagreement_something() -> None:
    assert abs(distillation_loss(logits(0), logits(0) + 3).item()) < 1e-6  # a constant shift is no difference
    assert distillation_loss(logits(0), logits(1)).item() > 0.1


def test_the_gradient_is_that_of_soft_cross_entropy_and_spares_the_teacher() -> None:
    student, teacher = logits(0).requires_grad_(), logits(1).requires_grad_()
    temperature = 3.0
    distillation_loss(student, teacher, temperature=temperature).backward()
    again = logits(0).requires_grad_()
    soft = (teacher / temperature).softmax(dim=1).detach()
    (F.cross_entropy(again / temperature, soft) * temperature**2).backward()
    assert torch.allclose(student.grad, again.grad, atol=1e-6)
    assert teacher.grad is None


def divergences(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Return those of alpha 1 and -1, (2, N), as they are defined: without clipping."""
    q, p = student.softmax(1), teacher.softmax(1)
    return torch.stack([(p * (p / q).log()).sum(1), ((q * q / p).sum(1) - 1) / 2])


def test_alpha_divergence_is_the_larger_of_two_where_nothing_is_clipped() -> None:
    teacher = 0.3 * logits(1)
    student, again = ((0.3 * logits(0)).requires_grad_() for _ in range(2))
    wanted = divergences(again, teacher)
    assert len(set(wanted.argmax(0).tolist())) == 2  # either is the larger one somewhere
    loss = distillation_loss(student, teacher, divergence="alpha")
    assert torch.allclose(loss, wanted.max(0).values.mean())
    loss.backward()
    wanted.max(0).values.mean().backward()
    assert torch.allclose(student.grad, again.grad, atol=1e-6)


def test_alpha_divergence_stays_finite_where_the_two_are_certain_of_different_classes() -> None:
    student = torch.tensor([[1e4, 0.0, 0.0]]).requires_grad_()
    loss = alpha_divergence(student.log_softmax(1), torch.tensor([[0.0, 1e4, 0.0]]).log_softmax(1))
    loss.backward()
    assert loss.isfinite()
    assert student.grad is not None
    assert student.grad.isfinite().all()
    assert student.grad.abs().max() <= 5
    assert abs(distillation_loss(logits(0), logits(0) + 3, divergence="alpha").item()) < 1e-6
