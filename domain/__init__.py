"""What can happen: nouns, their events and the commands that decide them."""
