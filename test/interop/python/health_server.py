# A grpcio server of voice.VoiceAssistant and grpc.health.v1 without TLS on the loopback. Each line of standard input is a status that
# it tells from then on: SERVING or NOT_SERVING. Ends with standard input.

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

import voice_service
from report import emit

OPTIONS = [("grpc.so_reuseport", 0)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--workers", type=int, default=50)
    arguments = parser.parse_args()
    server = grpc.server(ThreadPoolExecutor(max_workers=arguments.workers), options=OPTIONS)
    service = voice_service.VoiceService(served_by="")
    server.add_generic_rpc_handlers((voice_service.handler_of(service),))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port(f"127.0.0.1:{arguments.port}")
    if port == 0:
        raise SystemExit(f"port {arguments.port} cannot be bound")
    service.served_by = f"127.0.0.1:{port}"
    server.start()
    emit("listening", port=port)
    for line in sys.stdin:
        servicer.set("", health_pb2.HealthCheckResponse.ServingStatus.Value(line.strip()))
        emit("told", status=line.strip())
    server.stop(grace=0.5).wait()


if __name__ == "__main__":
    main()
