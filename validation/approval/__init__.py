"""The domain owner's approval by mail: an authorisation for one customer, never domain validation (design §5.6)."""
