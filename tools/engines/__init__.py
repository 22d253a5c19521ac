"""What engines report they run for a network, as a multiset of kernels to compare with the predicted one."""
