"""Networks built from architectures: single ones, the zoo's, and the weight-sharing supernet."""
