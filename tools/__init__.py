"""What a domain may call."""
