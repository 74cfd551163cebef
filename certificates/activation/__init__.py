"""The wizard: how a paid plan is configured, in four steps that save themselves."""
