# Cases of calls that are cancelled, run out of time, lose their server or never reach one.

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc

from channels import PATIENCE_S, Parameters, connect, open_channel
from report import emit, expect, wait_for_command
from voice_messages import SERVICE, AudioChunk, NarrateRequest, SayRequest, VoiceStub


def fails_with(code: grpc.StatusCode, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Calls, which has to end with that code, and returns the error."""
    try:
        result = call(*arguments, **named)
    except grpc.RpcError as error:
        expect(error.code(), code, f"code (details: {error.details()!r})")
        return error
    raise AssertionError(f"wanted {code} and got {result!r}")


def cancel_unary(parameters: Parameters) -> None:
    stub = connect(parameters)
    stub.say(SayRequest(text="so that the connection is there"), timeout=PATIENCE_S)
    for number in range(parameters.tries):
        tag = (("x-tag", str(number)),)
        call = stub.say.future(SayRequest(delay_ms=20_000), timeout=PATIENCE_S, metadata=tag)
        time.sleep(0.2)
        emit("cancel", tag=str(number))
        call.cancel()
        expect(call.code(), grpc.StatusCode.CANCELLED, "code")
        time.sleep(0.1)


def cancel_bidi(parameters: Parameters) -> None:
    stub = connect(parameters)
    for number in range(parameters.tries):
        chunks: queue.SimpleQueue[AudioChunk | None] = queue.SimpleQueue()
        tag = (("x-tag", str(number)),)
        call = stub.stream_audio(iter(chunks.get, None), timeout=PATIENCE_S, metadata=tag)
        chunks.put(AudioChunk(1))
        expect(next(call).sequence, 1, "first event")
        emit("cancel", tag=str(number))
        call.cancel()
        fails_with(grpc.StatusCode.CANCELLED, next, call)
        chunks.put(None)
        time.sleep(0.1)


def deadline_exceeded(parameters: Parameters) -> None:
    stub = connect(parameters)
    stub.say(SayRequest(text="so that the connection is there"), timeout=PATIENCE_S)
    start = time.perf_counter()
    request, tag = SayRequest(delay_ms=20_000), (("x-tag", "deadline"),)
    fails_with(grpc.StatusCode.DEADLINE_EXCEEDED, stub.say, request, timeout=0.4, metadata=tag)
    took = time.perf_counter() - start
    expect(0.35 < took < 3, True, f"took about 0.4 s (took {took:.2f} s)")


def server_killed(parameters: Parameters) -> None:
    stub = connect(parameters)
    chunks: queue.SimpleQueue[AudioChunk | None] = queue.SimpleQueue()
    call = stub.stream_audio(iter(chunks.get, None), timeout=PATIENCE_S)
    narration = stub.narrate(
        NarrateRequest(text="on and on", interval_ms=20, repeat=10_000), timeout=PATIENCE_S
    )
    for sequence in range(1, 11):
        chunks.put(AudioChunk(sequence, b"x" * 1000, True))
        expect(next(call).sequence, sequence, "sequence")
    expect(next(narration).sequence, 1, "first word")
    emit("running")
    wait_for_command("killed")
    error = fails_with(grpc.StatusCode.UNAVAILABLE, next, call)
    received = 1

    def read_on() -> None:
        nonlocal received
        for word in narration:
            received += 1
            expect(word.sequence, received, "sequence of words")

    fails_with(grpc.StatusCode.UNAVAILABLE, read_on)
    chunks.put(None)
    emit("broken", details=error.details(), words=received)
    down = fails_with(grpc.StatusCode.UNAVAILABLE, stub.say, SayRequest(), timeout=PATIENCE_S)
    expect("refused the connection" in down.details(), True, f"details say so: {down.details()!r}")
    emit("down")
    wait_for_command("restarted")
    start = time.perf_counter()
    succeed_again(stub)
    emit("remark", text=f"calls succeed {time.perf_counter() - start:.2f} s after the server is back")


def succeed_again(stub: VoiceStub) -> None:
    give_up_at = time.perf_counter() + 10
    while True:
        try:
            stub.say(SayRequest(text="back?"), timeout=5)
            break
        except grpc.RpcError as error:
            if time.perf_counter() > give_up_at or error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            time.sleep(0.05)
    for _ in range(20):
        stub.say(SayRequest(text="back"), timeout=5)


def server_not_running(parameters: Parameters) -> None:
    stub = connect(parameters)
    for _ in range(5):
        error = fails_with(grpc.StatusCode.UNAVAILABLE, stub.say, SayRequest(), timeout=PATIENCE_S)
        expect("refused the connection" in error.details(), True, f"details say so: {error.details()!r}")
    stream = stub.stream_audio(iter([AudioChunk(1)]), timeout=PATIENCE_S)
    fails_with(grpc.StatusCode.UNAVAILABLE, next, stream)
    emit("remark", text=error.details())


def no_route(parameters: Parameters) -> None:
    channel = open_channel(parameters)
    path = "/no.such.Service/Method"
    error = fails_with(grpc.StatusCode.UNIMPLEMENTED, channel.unary_unary(path), b"", timeout=PATIENCE_S)
    expect(path in error.details(), True, f"details name the path: {error.details()!r}")
    stream = channel.stream_stream(path)(iter([b"x" * 100_000] * 20), timeout=PATIENCE_S)
    fails_with(grpc.StatusCode.UNIMPLEMENTED, next, stream)
    # A method the service lacks is the service's own answer, through the route that leads to it.
    unknown = channel.unary_unary(f"/{SERVICE}/Sing")
    fails_with(grpc.StatusCode.UNIMPLEMENTED, unknown, b"", timeout=PATIENCE_S)
    connect(parameters).say(SayRequest(), timeout=PATIENCE_S)
    emit("remark", text=error.details())


def wrong_transport(parameters: Parameters) -> None:
    """Cleartext to the TLS port, and TLS to the cleartext one; after each a right client still gets through."""
    right = connect(parameters)
    for wrong_parameters in (
        replace(parameters, ca=None),
        replace(parameters, target=parameters.wrong_target),
    ):
        wrong = connect(wrong_parameters)
        error = fails_with(grpc.StatusCode.UNAVAILABLE, wrong.say, SayRequest(), timeout=10)
        emit("remark", text=f"{'TLS' if wrong_parameters.ca else 'cleartext'} client: {shorten(error)}")
        right.say(SayRequest(), timeout=PATIENCE_S)
        connect(parameters).say(SayRequest(), timeout=PATIENCE_S)
    connect(replace(parameters, ca=None, target=parameters.wrong_target)).say(
        SayRequest(), timeout=PATIENCE_S
    )


def shorten(error: grpc.RpcError) -> str:
    return error.details().split("\n")[0][:110]


def wait_for_ready(parameters: Parameters) -> None:
    """The proxy is not there yet when the call starts; a call that waits succeeds once it is."""
    stub = connect(parameters, options=[("grpc.max_reconnect_backoff_ms", 500)])
    fails_with(grpc.StatusCode.UNAVAILABLE, stub.say, SayRequest(), timeout=PATIENCE_S)
    call = stub.say.future(SayRequest(text="at last"), timeout=PATIENCE_S, wait_for_ready=True)
    emit("waiting")
    expect(call.result().text, "You said: at last", "text")


def retry_until_upstream(parameters: Parameters) -> None:
    """The proxy is there and the upstream is not: gRPC's own retry policy gets over it, for UNAVAILABLE is retryable."""
    policy = {
        "maxAttempts": 5,
        "initialBackoff": "1s",
        "maxBackoff": "3s",
        "backoffMultiplier": 1.5,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    config = json.dumps({"methodConfig": [{"name": [{"service": SERVICE}], "retryPolicy": policy}]})
    options = [("grpc.service_config", config), ("grpc.enable_retries", 1)]
    stub = connect(parameters, options=options)
    call = stub.say.future(SayRequest(text="at last"), timeout=PATIENCE_S, wait_for_ready=True)
    emit("waiting")
    expect(call.result().text, "You said: at last", "text")


CASES = {
    "cancel_unary": cancel_unary,
    "cancel_bidi": cancel_bidi,
    "deadline_exceeded": deadline_exceeded,
    "server_killed": server_killed,
    "server_not_running": server_not_running,
    "no_route": no_route,
    "wrong_transport": wrong_transport,
    "wait_for_ready": wait_for_ready,
    "retry_until_upstream": retry_until_upstream,
}
