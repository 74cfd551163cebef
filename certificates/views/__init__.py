"""Pages of the registry: the overview of plans and certificates, downloads, keys, installation tests."""
