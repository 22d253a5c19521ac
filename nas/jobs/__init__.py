"""What the commands call, a job each: each takes plain data, gives plain data, and prints nothing."""
