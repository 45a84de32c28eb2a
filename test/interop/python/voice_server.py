# A grpcio server of voice.VoiceAssistant without TLS, threaded or asyncio, until standard input ends.
# --discovery adds health checking and reflection; its folder holds what grpc_tools made of proto/voice.proto.

from __future__ import annotations

import argparse
import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

import voice_service
import voice_service_asyncio
from report import emit, wait_for_end_of_input
from voice_messages import SERVICE

OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A second server on the same port would take half of the connections instead of failing.
    ("grpc.so_reuseport", 0),
]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--workers", type=int, default=300)
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--asyncio", action="store_true")
    parser.add_argument("--discovery", metavar="FOLDER")
    return parser.parse_args()


def compression_of(arguments: argparse.Namespace) -> grpc.Compression:
    return grpc.Compression.Gzip if arguments.gzip else grpc.Compression.NoCompression


def add_discovery(server: grpc.Server, folder: str) -> None:
    sys.path.insert(0, folder)
    import voice_pb2  # noqa: F401 (reflection finds its descriptors in the default pool)
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection

    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    servicer.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)


def bind(server: Any, arguments: argparse.Namespace) -> int:
    bound = server.add_insecure_port(f"{arguments.host}:{arguments.port}")
    if bound == 0:
        raise SystemExit(f"port {arguments.port} cannot be bound")
    return bound


def serve_threaded(arguments: argparse.Namespace) -> None:
    pool = ThreadPoolExecutor(max_workers=arguments.workers)
    server = grpc.server(pool, options=OPTIONS, compression=compression_of(arguments))
    service = voice_service.VoiceService(served_by="")
    server.add_generic_rpc_handlers((voice_service.handler_of(service),))
    if arguments.discovery is not None:
        add_discovery(server, arguments.discovery)
    port = bind(server, arguments)
    service.served_by = f"{arguments.host}:{port}"
    server.start()
    emit("listening", port=port)
    wait_for_end_of_input()
    server.stop(grace=0.5).wait()


async def serve_asyncio(arguments: argparse.Namespace) -> None:
    server = grpc.aio.server(options=OPTIONS, compression=compression_of(arguments))
    service = voice_service_asyncio.AsyncioVoiceService(served_by="")
    server.add_generic_rpc_handlers((voice_service_asyncio.handler_of(service),))
    port = bind(server, arguments)
    service.served_by = f"{arguments.host}:{port}"
    await server.start()
    emit("listening", port=port)
    await asyncio.to_thread(wait_for_end_of_input)
    await server.stop(grace=0.5)


if __name__ == "__main__":
    parsed = parse_arguments()
    if parsed.asyncio:
        asyncio.run(serve_asyncio(parsed))
    else:
        serve_threaded(parsed)
