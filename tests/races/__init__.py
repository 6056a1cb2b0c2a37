"""Two who want the same chat at the same moment, thousands of times, each in a process of its own."""
