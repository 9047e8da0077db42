"""One folder a domain, and the loader."""
