"""The door: whatever leaves the house, to a CA, a gateway, a name server, a web server or by mail, is one named call."""

from outbound.calls import Call, Watcher, call, counting, unwatch, watch

__all__ = ["Call", "Watcher", "call", "counting", "unwatch", "watch"]
