"""What a device does with a network: its profile, the latency it predicts, and how a profile is fitted."""
