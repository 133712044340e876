"""All hosts of a play: batch after batch, hooks around the switch, the ladder after it, and the way back."""
