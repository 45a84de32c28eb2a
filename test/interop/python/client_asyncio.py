# The cases of bidirectional streams, cancel and deadline with grpc.aio.

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from channels import PATIENCE_S, Parameters, open_asyncio_channel
from client_calls import (
    CHUNK_BYTES,
    CHUNK_COUNT,
    VOICE_BYTES,
    VOICE_INTERVAL_S,
    check_echo,
    report_round_trips,
)
from report import emit, expect
from voice_messages import AudioChunk, FailRequest, SayRequest, VoiceStub


async def unary(_: Parameters, stub: VoiceStub) -> None:
    calls = [stub.say(SayRequest(text=str(index)), timeout=PATIENCE_S) for index in range(100)]
    replies = await asyncio.gather(*calls)
    expect([reply.text for reply in replies], [f"You said: {index}" for index in range(100)], "replies")


async def bidi_at_full_speed(_: Parameters, stub: VoiceStub) -> None:
    sent = [random.randbytes(CHUNK_BYTES) for _ in range(CHUNK_COUNT)]

    async def chunks() -> AsyncIterator[AudioChunk]:
        for index, audio in enumerate(sent, start=1):
            yield AudioChunk(index, audio, True)

    received = 0
    async for event in stub.stream_audio(chunks(), timeout=PATIENCE_S):
        expect(event.sequence, received + 1, "sequence")
        if event.audio != sent[received]:
            raise AssertionError(f"chunk {event.sequence} came back changed")
        received += 1
    expect(received, CHUNK_COUNT, "events")


async def bidi_paced(parameters: Parameters, stub: VoiceStub) -> None:
    count = int(parameters.seconds / VOICE_INTERVAL_S)
    audio = random.randbytes(VOICE_BYTES)
    sent_at: dict[int, float] = {}

    async def chunks() -> AsyncIterator[AudioChunk]:
        start = time.perf_counter()
        for sequence in range(1, count + 1):
            await asyncio.sleep(max(0.0, start + sequence * VOICE_INTERVAL_S - time.perf_counter()))
            sent_at[sequence] = time.perf_counter()
            yield AudioChunk(sequence, audio, True)

    round_trips: list[float] = []
    async for event in stub.stream_audio(chunks(), timeout=parameters.seconds + PATIENCE_S):
        expect(event.sequence, len(round_trips) + 1, "sequence")
        expect(event.audio == audio, True, f"chunk {event.sequence} is unchanged")
        round_trips.append(time.perf_counter() - sent_at[event.sequence])
    expect(len(round_trips), count, "events")
    report_round_trips(round_trips)


async def metadata(_: Parameters, stub: VoiceStub) -> None:
    sent = (
        ("x-echo-data-bin", bytes(range(256))),
        ("x-echo-data-bin", b"\x00"),
        ("x-echo-text", "a"),
        ("x-echo-text", "b"),
    )
    call = stub.stream_audio(timeout=PATIENCE_S, metadata=sent)
    check_echo(await call.initial_metadata(), sent, "x-echo-trailing-")
    await call.done_writing()
    expect((await call.code()).name, "OK", "code")
    check_echo(await call.trailing_metadata(), sent, "x-echo-initial-")


async def error_status(_: Parameters, stub: VoiceStub) -> None:
    request = FailRequest(code=5, message="nicht gefunden: 100 %", details=b"\x00\xff")
    try:
        await stub.fail(request, timeout=PATIENCE_S)
        raise AssertionError("the call ended with OK")
    except grpc.aio.AioRpcError as error:
        expect(error.code(), grpc.StatusCode.NOT_FOUND, "code")
        expect(error.details(), request.message, "details")
        expect(dict(error.trailing_metadata()).get("error-detail-bin"), b"\x00\xff", "error-detail-bin")


async def cancel_bidi(parameters: Parameters, stub: VoiceStub) -> None:
    for number in range(parameters.tries):
        call = stub.stream_audio(timeout=PATIENCE_S, metadata=(("x-tag", str(number)),))
        await call.write(AudioChunk(1))
        expect((await call.read()).sequence, 1, "first event")
        emit("cancel", tag=str(number))
        call.cancel()
        expect(await call.code(), grpc.StatusCode.CANCELLED, "code")
        await asyncio.sleep(0.1)


async def deadline_exceeded(_: Parameters, stub: VoiceStub) -> None:
    try:
        await stub.say(SayRequest(delay_ms=20_000), timeout=0.4, metadata=(("x-tag", "deadline"),))
        raise AssertionError("the call ended with OK")
    except grpc.aio.AioRpcError as error:
        expect(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED, "code")


def with_stub(case: Callable[[Parameters, VoiceStub], Awaitable[None]]) -> Callable[[Parameters], None]:
    async def run(parameters: Parameters) -> None:
        channel: Any = open_asyncio_channel(parameters)
        try:
            await case(parameters, VoiceStub(channel))
        finally:
            await channel.close()

    @functools.wraps(case)
    def started(parameters: Parameters) -> None:
        asyncio.run(run(parameters))

    return started


CASES = {
    "asyncio_unary": with_stub(unary),
    "asyncio_bidi_at_full_speed": with_stub(bidi_at_full_speed),
    "asyncio_bidi_paced": with_stub(bidi_paced),
    "asyncio_metadata": with_stub(metadata),
    "asyncio_error_status": with_stub(error_status),
    "asyncio_cancel_bidi": with_stub(cancel_bidi),
    "asyncio_deadline_exceeded": with_stub(deadline_exceeded),
}
