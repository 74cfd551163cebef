"""The pretend card processor: the part of Stripe's API that a hosted payment needs."""
