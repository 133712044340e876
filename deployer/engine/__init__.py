"""What happens to hosts: walked one by one, rolled as a play, climbed by the ladder."""
