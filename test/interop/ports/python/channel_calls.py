# Calls Say on one channel, several times, and reports how each call ended: channel_calls.py PARAMETERS-AS-JSON.
# It asserts nothing; the row of the table does.

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import grpc

from report import emit
from voice_messages import SayReply, SayRequest


@dataclass(frozen=True)
class Parameters:
    target: str
    # PEM file of the authority to trust, '' for those that grpcio brings along; without it the channel is insecure.
    ca: str | None = None
    calls: int = 1
    seconds_between_calls: float = 0.0
    timeout: float = 10.0
    wait_for_ready: bool = False
    metadata: tuple[tuple[str, str], ...] = ()


def open_channel(parameters: Parameters) -> grpc.Channel:
    if parameters.ca is None:
        return grpc.insecure_channel(parameters.target)
    authorities = Path(parameters.ca).read_bytes() if parameters.ca else None
    credentials = grpc.ssl_channel_credentials(authorities)
    # The target is an IP address, which is no name for SNI (RFC 6066 section 3).
    options = [("grpc.ssl_target_name_override", "localhost")]
    return grpc.secure_channel(parameters.target, credentials, options=options)


def call_and_report(say: grpc.UnaryUnaryMultiCallable, parameters: Parameters, number: int) -> None:
    started = time.monotonic()
    try:
        reply = say(
            SayRequest(text=f"call {number}"),
            timeout=parameters.timeout,
            wait_for_ready=parameters.wait_for_ready,
            metadata=[tuple(entry) for entry in parameters.metadata],
        )
        result = {"code": "OK", "details": "", "text": reply.text}
    except grpc.RpcError as error:
        result = {"code": error.code().name, "details": error.details(), "text": ""}
    emit("call", seconds=time.monotonic() - started, **result)


if __name__ == "__main__":
    chosen = Parameters(**json.loads(sys.argv[1]))
    with open_channel(chosen) as channel:
        method = channel.unary_unary(
            "/voice.VoiceAssistant/Say",
            request_serializer=SayRequest.encode,
            response_deserializer=SayReply.decode,
        )
        for call_number in range(1, chosen.calls + 1):
            if call_number > 1:
                time.sleep(chosen.seconds_between_calls)
            call_and_report(method, chosen, call_number)
