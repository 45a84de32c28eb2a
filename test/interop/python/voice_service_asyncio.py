# voice.VoiceAssistant for grpcio's asyncio server. What each method does is described in proto/voice.proto.

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from typing import Any

import grpc

from metadata_echo import echo_of, tag_of
from protobuf_wire import Message
from report import emit
from voice_messages import (
    SERVICE,
    AudioChunk,
    AudioEvent,
    FailReply,
    FailRequest,
    NarratedWord,
    NarrateRequest,
    SayReply,
    SayRequest,
    Transcript,
)
from voice_service import AUDIO_BYTES_PER_MS, NEWS_OF_CANCELLATION_S, STATUS_CODES


class AsyncioVoiceService:
    def __init__(self, served_by: str) -> None:
        self.served_by = served_by

    async def say(self, request: SayRequest, context: Any) -> SayReply:
        await answer(context)
        await asyncio.sleep(request.delay_ms / 1000)
        return SayReply(
            text=f"You said: {request.text}",
            audio=bytes(request.reply_audio_bytes),
            received_audio_bytes=len(request.audio),
            served_by=self.served_by,
        )

    async def narrate(self, request: NarrateRequest, context: Any) -> None:
        await answer(context)
        audio = bytes(request.audio_bytes)
        words = request.text.split() * max(request.repeat, 1)
        for sequence, word in enumerate(words, start=1):
            if sequence > 1:
                await asyncio.sleep(request.interval_ms / 1000)
            await context.write(NarratedWord(sequence=sequence, word=word, audio=audio))
        if request.failure is not None:
            await end_with(request.failure, context)

    async def transcribe(self, chunks: AsyncIterator[AudioChunk], context: Any) -> Transcript:
        await answer(context)
        count = audio_bytes = 0
        async for chunk in chunks:
            count += 1
            audio_bytes += len(chunk.audio)
        return Transcript(count, audio_bytes, audio_bytes // AUDIO_BYTES_PER_MS)

    async def stream_audio(self, chunks: AsyncIterator[AudioChunk], context: Any) -> None:
        # At once: a client may wait for the headers before it sends its first chunk.
        await answer(context)
        async for chunk in chunks:
            audio = chunk.audio if chunk.return_audio else b""
            await context.write(
                AudioEvent(sequence=chunk.sequence, size_bytes=len(chunk.audio), audio=audio)
            )

    async def fail(self, request: FailRequest, context: Any) -> FailReply:
        if request.after_headers:
            await answer(context)
        await end_with(request, context)
        return FailReply()


async def answer(context: Any) -> None:
    initial, trailing = echo_of(context.invocation_metadata())
    context.set_trailing_metadata(trailing)
    await context.send_initial_metadata(initial)


async def end_with(failure: FailRequest, context: Any) -> None:
    _, trailing = echo_of(context.invocation_metadata())
    details = (("error-detail-bin", failure.details),) if failure.details else ()
    if failure.code == 0:
        context.set_trailing_metadata(trailing + details)
        return
    code = STATUS_CODES.get(failure.code, grpc.StatusCode.UNKNOWN)
    await context.abort(code, failure.message, trailing + details)


def watch(method: Any) -> Any:
    """Reports start and end of a call with x-tag."""

    @functools.wraps(method)
    async def watched(request: Any, context: Any) -> Any:
        tag = tag_of(context.invocation_metadata())
        if tag is None:
            return await method(request, context)
        emit("started", method=method.__name__, tag=tag, seconds_left=context.time_remaining())
        try:
            reply = await method(request, context)
            await asyncio.sleep(NEWS_OF_CANCELLATION_S)
        except asyncio.CancelledError:
            emit("cancelled", tag=tag)
            raise
        emit("ended", tag=tag)
        return reply

    return watched


def handler_of(service: AsyncioVoiceService) -> grpc.GenericRpcHandler:
    def serve(
        make: Any, method: Any, request: type[Message], reply: type[Message]
    ) -> grpc.RpcMethodHandler:
        return make(watch(method), request_deserializer=request.decode, response_serializer=reply.encode)

    handlers = {
        "Say": serve(grpc.unary_unary_rpc_method_handler, service.say, SayRequest, SayReply),
        "Narrate": serve(
            grpc.unary_stream_rpc_method_handler, service.narrate, NarrateRequest, NarratedWord
        ),
        "Transcribe": serve(
            grpc.stream_unary_rpc_method_handler, service.transcribe, AudioChunk, Transcript
        ),
        "StreamAudio": serve(
            grpc.stream_stream_rpc_method_handler, service.stream_audio, AudioChunk, AudioEvent
        ),
        "Fail": serve(grpc.unary_unary_rpc_method_handler, service.fail, FailRequest, FailReply),
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)
