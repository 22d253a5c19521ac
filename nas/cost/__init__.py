"""What a network costs, read from one trace of its modules: operations, kernels, MACs, parameters, memory."""
