"""What a host keeps of its releases: the files that belong to each, which of them proved good, and the way back."""
