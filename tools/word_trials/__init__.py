"""What the trials of pictures drawn from words share: fresh persons, colours asked for and found, a room, sheets."""
