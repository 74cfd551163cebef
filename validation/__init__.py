"""The lookout: what the customer's DNS and servers show, and who has shown control of what."""
