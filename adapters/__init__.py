"""The outside world: databases, brokers and the environment."""
