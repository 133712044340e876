"""Tests, and what they share: imported from the root of the checkout."""
