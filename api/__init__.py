"""The ways in: HTTP and the command line, and the only place that wires everything together."""
