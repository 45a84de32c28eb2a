# Where a client program connects to, and channels to it. No two channels share a connection.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from voice_messages import VoiceStub

# The longest any call may take that is not about deadlines: a hang then fails with a status.
PATIENCE_S = 30.0

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A failure is to be seen, not hidden by a second try.
    ("grpc.enable_retries", 0),
]


@dataclass(frozen=True)
class Parameters:
    """What the runner passes; each case reads what it needs."""

    target: str
    # PEM file of the authority to trust; without it the connection is cleartext.
    ca: str | None = None
    seconds: float = 15.0
    tries: int = 10
    # Of the listener that speaks the other one of TLS and cleartext.
    wrong_target: str = ""
    # The service is made with grpc-js, which joins the values of a text key, as HTTP allows, and whose HTTP/2 library
    # drops fields with spaces at their ends.
    is_grpc_js: bool = False
    # Where grpc_tools wrote the modules made of proto/voice.proto.
    generated: str = ""
    # Of the admin server of the proxy, and of the service behind the proxy.
    admin: str = ""
    service: str = ""


def open_channel(
    parameters: Parameters,
    options: Sequence[tuple[str, Any]] = (),
    compression: grpc.Compression | None = None,
) -> grpc.Channel:
    # One of a name: the first would win, not the last.
    every = list({**dict(OPTIONS), **dict(options)}.items())
    if parameters.ca is None:
        return grpc.insecure_channel(parameters.target, options=every, compression=compression)
    credentials = grpc.ssl_channel_credentials(Path(parameters.ca).read_bytes())
    return grpc.secure_channel(parameters.target, credentials, options=every, compression=compression)


def open_asyncio_channel(parameters: Parameters) -> Any:
    if parameters.ca is None:
        return grpc.aio.insecure_channel(parameters.target, options=OPTIONS)
    credentials = grpc.ssl_channel_credentials(Path(parameters.ca).read_bytes())
    return grpc.aio.secure_channel(parameters.target, credentials, options=OPTIONS)


def connect(parameters: Parameters, **more: Any) -> VoiceStub:
    return VoiceStub(open_channel(parameters, **more))
