// A client of the demo service for tests. A call resolves to its outcome, even a failure, and never rejects, so that a test can
// look at the status, headers and trailers of good and bad calls in the same way.

import type { EventEmitter } from 'node:events';
import {
  type CallOptions,
  type ChannelOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type StatusObject,
} from '../../src/demo/grpc.ts';
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
} from '../../src/demo/voice-messages.ts';
import { createVoiceClient, type UnaryCallback, type VoiceClient } from '../../src/demo/voice-proto.ts';

export interface ConnectOptions {
  /** 'host:port' or 'unix:/path'. */
  readonly address: string;
  /** The PEM certificate of the authority to trust. Without it the connection is plaintext. */
  readonly ca?: string | Buffer;
  /** What the client shows: PEM texts. */
  readonly certificate?: { readonly cert: Buffer; readonly key: Buffer };
  readonly channel?: ChannelOptions;
}

export interface CallSettings {
  readonly metadata?: Metadata;
  readonly deadlineMs?: number;
  /** The :authority to send instead of the address. */
  readonly authority?: string;
  /** Cancels the call when aborted. */
  readonly signal?: AbortSignal;
}

export interface CallOutcome {
  readonly code: number;
  /** The status message. */
  readonly details: string;
  /** Undefined if no headers came before the status: for Trailers-Only, or if the client ended the call itself. */
  readonly initialMetadata: Metadata | undefined;
  readonly trailingMetadata: Metadata;
}

export interface UnaryOutcome<Reply> extends CallOutcome {
  readonly reply: Reply | undefined;
}

export interface StreamOutcome<Reply> extends CallOutcome {
  readonly replies: readonly Reply[];
}

/** A running StreamAudio call. */
export interface AudioStream {
  /** @returns false if grpc-js asks to wait for 'drain' on `call` */
  send(chunk: Partial<AudioChunk>): boolean;
  /** Resolves to the next event, or to undefined if there will be none. */
  next(): Promise<AudioEvent | undefined>;
  /** Half-closes; the service then ends the stream. */
  finish(): void;
  cancel(): void;
  readonly headers: Promise<Metadata>;
  readonly outcome: Promise<CallOutcome>;
  readonly call: ClientDuplexStream<Partial<AudioChunk>, AudioEvent>;
}

export interface TestVoiceClient {
  say(request: Partial<SayRequest>, settings?: CallSettings): Promise<UnaryOutcome<SayReply>>;
  fail(request: Partial<FailRequest>, settings?: CallSettings): Promise<UnaryOutcome<FailReply>>;
  narrate(request: Partial<NarrateRequest>, settings?: CallSettings): Promise<StreamOutcome<NarratedWord>>;
  transcribe(
    chunks: readonly Partial<AudioChunk>[],
    settings?: CallSettings,
  ): Promise<UnaryOutcome<Transcript>>;
  streamAudio(settings?: CallSettings): AudioStream;
  /** The underlying client, for what the wrappers lack. */
  readonly raw: VoiceClient;
  close(): void;
}

/** Creates a client with its own connection, which no other client in the process shares. */
export function connectVoiceClient(options: ConnectOptions): TestVoiceClient {
  const { certificate } = options;
  const channelCredentials =
    options.ca === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(Buffer.from(options.ca), certificate?.key, certificate?.cert);
  const raw = createVoiceClient(options.address, channelCredentials, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    ...options.channel,
  });
  return {
    say: (request, settings = {}) =>
      unaryOutcome((callback) => raw.say(request, ...callArguments(settings), callback), settings),
    fail: (request, settings = {}) =>
      unaryOutcome((callback) => raw.fail(request, ...callArguments(settings), callback), settings),
    narrate: (request, settings = {}) =>
      streamOutcome(raw.narrate(request, ...callArguments(settings)), settings),
    transcribe: (chunks, settings = {}) =>
      unaryOutcome<Transcript>((callback) => {
        const call = raw.transcribe(...callArguments(settings), callback);
        for (const chunk of chunks) call.write(chunk);
        call.end();
        return call;
      }, settings),
    streamAudio: (settings = {}) => audioStream(raw.streamAudio(...callArguments(settings)), settings),
    raw,
    close: () => raw.close(),
  };
}

/** @param entries keys and values; a key may occur several times, and a key that ends in '-bin' takes a Buffer */
export function metadataOf(
  ...entries: readonly (readonly [key: string, value: string | Buffer])[]
): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of entries) metadata.add(key, value);
  return metadata;
}

type AnyCall = EventEmitter & { cancel(): void };

function callArguments(settings: CallSettings): [Metadata, CallOptions] {
  const options: CallOptions = {};
  if (settings.deadlineMs !== undefined) options.deadline = Date.now() + settings.deadlineMs;
  if (settings.authority !== undefined) options.host = settings.authority;
  return [settings.metadata ?? new Metadata(), options];
}

/** grpc-js emits 'status' once for every call, after the last message and after the callback of a unary call. */
function outcomeOf(call: AnyCall, settings: CallSettings): Promise<CallOutcome> {
  const { promise, resolve } = Promise.withResolvers<CallOutcome>();
  let initialMetadata: Metadata | undefined;
  const abort = () => call.cancel();
  if (settings.signal?.aborted) abort();
  settings.signal?.addEventListener('abort', abort, { once: true });
  call.on('metadata', (metadata: Metadata) => {
    initialMetadata = metadata;
  });
  call.on('status', (status: StatusObject) => {
    settings.signal?.removeEventListener('abort', abort);
    resolve({
      code: status.code,
      details: status.details,
      initialMetadata,
      trailingMetadata: status.metadata,
    });
  });
  // 'error' says the same as 'status', but without a handler it would end the process.
  call.on('error', () => undefined);
  return promise;
}

async function unaryOutcome<Reply>(
  start: (callback: UnaryCallback<Reply>) => AnyCall,
  settings: CallSettings,
): Promise<UnaryOutcome<Reply>> {
  let reply: Reply | undefined;
  const call = start((_error, received) => {
    reply = received;
  });
  const outcome = await outcomeOf(call, settings);
  return { ...outcome, reply };
}

async function streamOutcome<Reply>(
  call: ClientReadableStream<Reply>,
  settings: CallSettings,
): Promise<StreamOutcome<Reply>> {
  const replies: Reply[] = [];
  call.on('data', (reply: Reply) => replies.push(reply));
  const outcome = await outcomeOf(call, settings);
  return { ...outcome, replies };
}

function audioStream(
  call: ClientDuplexStream<Partial<AudioChunk>, AudioEvent>,
  settings: CallSettings,
): AudioStream {
  const received: AudioEvent[] = [];
  const waiting: ((event: AudioEvent | undefined) => void)[] = [];
  let isEnded = false;
  const headers = Promise.withResolvers<Metadata>();
  call.on('metadata', headers.resolve);
  call.on('data', (event: AudioEvent) => {
    const waiter = waiting.shift();
    if (waiter === undefined) received.push(event);
    else waiter(event);
  });
  const outcome = outcomeOf(call, settings).then((ended) => {
    isEnded = true;
    for (const waiter of waiting.splice(0)) waiter(undefined);
    return ended;
  });
  return {
    send: (chunk) => call.write(chunk),
    next: () => {
      if (received.length > 0 || isEnded) return Promise.resolve(received.shift());
      const { promise, resolve } = Promise.withResolvers<AudioEvent | undefined>();
      waiting.push(resolve);
      return promise;
    },
    finish: () => call.end(),
    cancel: () => call.cancel(),
    headers: headers.promise,
    outcome,
    call,
  };
}
