# A grpcio server whose health is told by standard input: `SERVING` or `NOT_SERVING`, a line each. It ends with its input, and by
# SIGTERM gracefully. Its answers say which server it is.

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

GRACE_S = 5
SERVICE = "outage.Voice"


class Voice(grpc.GenericRpcHandler):
    def __init__(self, name: str, delay_s: float) -> None:
        self.reply = name.encode()
        self.delay_s = delay_s

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        if details.method == f"/{SERVICE}/Say":
            return grpc.unary_unary_rpc_method_handler(self.say)
        if details.method == f"/{SERVICE}/Talk":
            return grpc.stream_stream_rpc_method_handler(self.talk)
        return None

    async def say(self, request: bytes, context: Any) -> bytes:
        await asyncio.sleep(self.delay_s)
        return self.reply

    async def talk(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for _ in requests:
            yield self.reply


def obey(servicer: Any, loop: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
    for line in sys.stdin:
        status = health_pb2.HealthCheckResponse.ServingStatus.Value(line.strip())
        asyncio.run_coroutine_threadsafe(servicer.set("", status), loop)
    loop.call_soon_threadsafe(end.set)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--delay-ms", type=float, default=0)
    arguments = parser.parse_args()
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    server.add_generic_rpc_handlers((Voice(arguments.name, arguments.delay_ms / 1000),))
    if server.add_insecure_port(arguments.address) == 0:
        raise SystemExit(f"{arguments.address} cannot be bound")
    await server.start()
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, end.set)
    # A daemon, since it waits for input when the server ends.
    threading.Thread(target=obey, args=(servicer, loop, end), daemon=True).start()
    print("listening", flush=True)
    await end.wait()
    await server.stop(GRACE_S)


asyncio.run(main())
