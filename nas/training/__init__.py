"""Training: recipes, the only training loop, distillation and evaluation."""
