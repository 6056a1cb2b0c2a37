"""Events leave for other machines: the stream in NATS JetStream, its subjects, and who publishes to it."""
