"""A web application on a socket that is already bound, inside the town's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

STOP_SECONDS = 2


class QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: the town listens to signals, for all parts at once."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class WebServer:
    """Serves one application until stopped."""

    def __init__(self, app: ASGIApp, bound: socket.socket, context: ssl.SSLContext | None = None) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            ssl_context_factory=(lambda _config, _default: context) if context is not None else None,
        )
        self.bound = bound
        self.server = QuietServer(config)
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start answering; returns when connections are taken."""
        self.task = asyncio.create_task(self.server.serve(sockets=[self.bound]))
        while not self.server.started:
            if self.task.done():
                await self.task
                raise RuntimeError("the web server ended while starting")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Stop taking connections, let the open requests finish for STOP_SECONDS."""
        if self.task is None:
            self.bound.close()
            return
        self.server.should_exit = True
        await self.task
