"""The registry: activations, issuances, certificates, keys, CA accounts."""
