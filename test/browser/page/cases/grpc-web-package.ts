// The `grpc-web` package: XMLHttpRequest, both forms of its bodies.

import { GrpcWebClientBase, MethodDescriptor, RpcError, type Status } from 'grpc-web';
import { callEvents, cancelled, ended } from '../other-side.ts';
import { check, failureOf, type PageCase, same, sampleBytes } from '../page-case.ts';
import { decode, encode, NarratedWord, type NarrateRequest, SayReply } from '../voice.ts';

type Format = 'binary' | 'text';
type Metadata = Record<string, string>;

const largeBytes = 1024 * 1024;
/** Of a stream that no case waits for the end of. */
const endlessWords = { text: 'word', repeat: 10_000, intervalMs: 100 };

export const grpcWebPackageCases: readonly PageCase[] = [
  ...(['binary', 'text'] as const).flatMap((format) => [
    named(format, 'a unary call is answered', () => unary(format)),
    named(format, '1 MiB each way', () => large(format)),
    named(format, 'metadata come back as headers and as trailers', () => metadata(format)),
    named(format, 'status and message of an error arrive, Trailers-Only', () => failure(format, false)),
    named(format, 'status and message of an error arrive after headers', () => failure(format, true)),
    named(format, 'the deadline ends the call here and at the service', () => deadline(format)),
  ]),
  named('text', 'a stream arrives whole and in order', wholeStream),
  named('text', 'messages arrive while the service still speaks, and cancelling reaches it', endlessStream),
  named('text', 'a stream that fails after its messages', failingStream),
  named('text', 'an unknown method is UNIMPLEMENTED', unknownMethod),
];

function named(format: Format, what: string, run: () => Promise<void>): PageCase {
  return { name: `grpc-web, ${format}: ${what}`, run };
}

/** The package only hands on what the classes of messages would be. */
function descriptor<Reply>(
  name: string,
  type: string,
  request: string,
  reply: string,
  Class: new () => Reply,
): MethodDescriptor<object, Reply> {
  return new MethodDescriptor<object, Reply>(
    `/voice.VoiceAssistant/${name}`,
    type,
    Object,
    Class,
    (fields: object) => encode(request, fields),
    (bytes: Uint8Array) => decode(reply, bytes),
  );
}

const say = descriptor('Say', 'unary', 'SayRequest', 'SayReply', SayReply);
const fail = descriptor('Fail', 'unary', 'FailRequest', 'FailReply', Object);
const unknown = descriptor('Unknown', 'unary', 'FailRequest', 'FailReply', Object);
const narrate = descriptor('Narrate', 'server_streaming', 'NarrateRequest', 'NarratedWord', NarratedWord);

function call<Reply>(
  format: Format,
  method: MethodDescriptor<object, Reply>,
  request: object,
  sent: Metadata = {},
): Promise<Reply> {
  const client = new GrpcWebClientBase({ format });
  return client.unaryCall(method.getName(), request, sent, method);
}

async function unary(format: Format): Promise<void> {
  const tag = crypto.randomUUID();
  const { text } = await call(format, say, { text: 'Grüße, 世界' }, { 'x-tag': tag });
  same(text, 'You said: Grüße, 世界', 'the answer');
  same(await callEvents(tag), ['started', 'completed 0'], 'what the service saw');
}

async function large(format: Format): Promise<void> {
  const reply = await call(format, say, { audio: sampleBytes(largeBytes), replyAudioBytes: largeBytes });
  same([reply.receivedAudioBytes, reply.audio.length], [largeBytes, largeBytes], 'bytes each way');
}

async function metadata(format: Format): Promise<void> {
  const client = new GrpcWebClientBase({ format });
  const sent = { 'x-echo-initial-a': 'in front', 'x-echo-trailing-b': 'behind', 'x-echo-both': 'a, b' };
  const headers = Promise.withResolvers<Metadata>();
  const status = Promise.withResolvers<Status>();
  const replied = new Promise<void>((resolve, reject) => {
    client
      .rpcCall(say.getName(), { text: '' }, sent, say, (error) => (error ? reject(error) : resolve()))
      .on('metadata', (received) => headers.resolve(received))
      .on('status', (received) => status.resolve(received));
  });
  await replied;
  const { code, metadata: trailers = {} } = await status.promise;
  same(code, 0, 'status');
  const first = await headers.promise;
  same([first['x-echo-initial-a'], first['x-echo-both']], ['in front', 'a, b'], 'headers');
  same([trailers['x-echo-trailing-b'], trailers['x-echo-both']], ['behind', 'a, b'], 'trailers');
  check(!('x-echo-trailing-b' in first), 'a trailer came as a header');
}

async function failure(format: Format, afterHeaders: boolean): Promise<void> {
  const request = {
    code: 9,
    message: 'Kein Ton: 100 Ω 🎙',
    details: new Uint8Array([1, 2, 255]),
    afterHeaders,
  };
  const error = await failureOf(call(format, fail, request), 'the call');
  check(error instanceof RpcError, `an RpcError, not ${String(error)}`);
  same([error.code, error.message], [9, request.message], 'status and message');
  same(error.metadata['error-detail-bin']?.replace(/=+$/, ''), 'AQL/', 'binary metadata of the error');
}

async function deadline(format: Format): Promise<void> {
  const tag = crypto.randomUUID();
  const sent = { 'x-tag': tag, deadline: String(Date.now() + 1000) };
  const error = await failureOf(call(format, say, { text: 'late', delayMs: 60_000 }, sent), 'the call');
  check(error instanceof RpcError, `an RpcError, not ${String(error)}`);
  same(error.code, 4, 'status');
  check(['cancelled', 'failed 4'].includes(await ended(tag)), 'the service went on');
}

interface Words {
  readonly words: NarratedWord[];
  readonly end: Promise<void>;
  cancel(): void;
}

function listen(
  request: Partial<NarrateRequest>,
  sent: Metadata,
  onWord: () => void = () => undefined,
): Words {
  const stream = new GrpcWebClientBase({ format: 'text' }).serverStreaming(
    narrate.getName(),
    request,
    sent,
    narrate,
  );
  const words: NarratedWord[] = [];
  stream.on('data', (word) => {
    words.push(word);
    onWord();
  });
  const end = new Promise<void>((resolve, reject) => {
    stream.on('end', () => resolve());
    stream.on('error', (error) => reject(error));
  });
  return { words, end, cancel: () => stream.cancel() };
}

async function wholeStream(): Promise<void> {
  const { words, end } = listen({ text: 'eins zwei drei', repeat: 200, audioBytes: 1021 }, {});
  await end;
  const expected = Array.from({ length: 600 }, (_, index) => index + 1);
  same(
    words.map(({ sequence }) => sequence),
    expected,
    'the numbers of the messages',
  );
  check(
    words.every(({ audio }) => audio.length === 1021),
    'each message has its audio',
  );
  same(words.at(-1)?.word, 'drei', 'the last word');
}

async function endlessStream(): Promise<void> {
  const tag = crypto.randomUUID();
  const three = Promise.withResolvers<void>();
  const stream = listen(endlessWords, { 'x-tag': tag }, () => {
    if (stream.words.length === 3) three.resolve();
  });
  await Promise.race([three.promise, stream.end]);
  same(await callEvents(tag), ['started'], 'what the service saw at the third message');
  stream.cancel();
  await cancelled(tag);
}

async function failingStream(): Promise<void> {
  const failing = { code: 8, message: 'außer Atem' };
  const { words, end } = listen({ text: 'eins zwei', failure: failing }, {});
  const error = await failureOf(end, 'the stream');
  check(error instanceof RpcError, `an RpcError, not ${String(error)}`);
  same(
    [error.code, error.message, words.length],
    [8, 'außer Atem', 2],
    'status, message and messages before it',
  );
}

async function unknownMethod(): Promise<void> {
  const error = await failureOf(call('text', unknown, {}), 'the call');
  check(error instanceof RpcError, `an RpcError, not ${String(error)}`);
  same(error.code, 12, 'status');
}
