// The methods of voice.VoiceAssistant. proto/voice.proto describes what each one does.

import type { EventEmitter } from 'node:events';
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  status,
} from './grpc.ts';
import type {
  AudioChunk,
  AudioEvent,
  FailReply,
  FailRequest,
  NarratedWord,
  NarrateRequest,
  SayReply,
  SayRequest,
  Transcript,
} from './voice-messages.ts';

/** The rate of 16 kHz, 16-bit, mono audio. */
const audioBytesPerMs = 32;

const okCode: number = status.OK;

export interface VoiceService {
  readonly say: handleUnaryCall<SayRequest, SayReply>;
  readonly narrate: handleServerStreamingCall<NarrateRequest, NarratedWord>;
  readonly transcribe: handleClientStreamingCall<AudioChunk, Transcript>;
  readonly streamAudio: handleBidiStreamingCall<AudioChunk, AudioEvent>;
  readonly fail: handleUnaryCall<FailRequest, FailReply>;
}

/** @param servedBy called for each call, because the port is known only once the server is bound */
export function createVoiceService(servedBy: () => string): VoiceService {
  return {
    say: (call, callback) => {
      const { text, delayMs, replyAudioBytes, audio } = call.request;
      const reply = () =>
        callback(null, {
          text: `You said: ${text}`,
          audio: Buffer.alloc(replyAudioBytes),
          receivedAudioBytes: audio.length,
          servedBy: servedBy(),
        });
      if (delayMs === 0) {
        reply();
        return;
      }
      const timer = setTimeout(reply, delayMs);
      call.on('cancelled', () => clearTimeout(timer));
    },
    narrate,
    transcribe,
    streamAudio,
    fail,
  };
}

const narrate: VoiceService['narrate'] = (call) => {
  const { text, intervalMs, audioBytes, repeat, failure } = call.request;
  const words = text.split(/\s+/).filter((word) => word !== '');
  const total = words.length * Math.max(repeat, 1);
  const audio = Buffer.alloc(audioBytes);
  let sequence = 0;
  let timer: NodeJS.Timeout | undefined;

  const finish = () => {
    if (failure === null) call.end();
    else call.emit('error', statusOf(failure));
  };
  // Without an interval, waits for 'drain', so that a client that reads slowly costs no more than one stream's buffer.
  const proceed = () => {
    while (!call.cancelled && sequence < total) {
      const word = words[sequence % words.length];
      sequence += 1;
      const hasRoom = call.write({ sequence, word, audio });
      if (sequence === total) break;
      if (intervalMs > 0) {
        timer = setTimeout(proceed, intervalMs);
        return;
      }
      if (!hasRoom) {
        call.once('drain', proceed);
        return;
      }
    }
    if (!call.cancelled) finish();
  };
  call.on('cancelled', () => clearTimeout(timer));
  proceed();
};

const transcribe: VoiceService['transcribe'] = (call, callback) => {
  let chunks = 0;
  let audioBytes = 0;
  call.on('data', (chunk) => {
    chunks += 1;
    audioBytes += chunk.audio.length;
  });
  onHalfClose(call, () => {
    callback(null, { chunks, audioBytes, durationMs: Math.floor(audioBytes / audioBytesPerMs) });
  });
};

const streamAudio: VoiceService['streamAudio'] = (call) => {
  // The headers are sent at once, because a client may wait for them before it sends its first chunk.
  call.sendMetadata(new Metadata());
  call.on('data', (chunk: AudioChunk) => {
    const hasRoom = call.write({
      sequence: chunk.sequence,
      sizeBytes: chunk.audio.length,
      audio: chunk.returnAudio ? chunk.audio : Buffer.alloc(0),
    });
    if (!hasRoom) {
      call.pause();
      call.once('drain', () => call.resume());
    }
  });
  onHalfClose(call, () => call.end());
};

const fail: VoiceService['fail'] = (call, callback) => {
  if (call.request.afterHeaders) call.sendMetadata(new Metadata());
  const failure = statusOf(call.request);
  if (call.request.code === okCode) callback(null, {}, failure.metadata);
  else callback(failure);
};

/**
 * Calls `finish` when the client half-closes. Node also ends the stream for a RST_STREAM, just before it reports the reset, so the
 * check waits until the next event-loop turn, when `cancelled` is set.
 */
function onHalfClose(call: EventEmitter & { readonly cancelled: boolean }, finish: () => void): void {
  call.on('end', () => {
    setImmediate(() => {
      if (!call.cancelled) finish();
    });
  });
}

function statusOf(failure: Partial<FailRequest>): { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  if (failure.details !== undefined && failure.details.length > 0) {
    metadata.set('error-detail-bin', Buffer.from(failure.details));
  }
  return { code: failure.code ?? okCode, details: failure.message ?? '', metadata };
}
