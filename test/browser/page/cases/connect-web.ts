// The gRPC-Web transport of @connectrpc/connect-web: fetch and streams, the binary form.

import { toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, base64Encode, WireType } from '@bufbuild/protobuf/wire';
import { Code, ConnectError, decodeBinaryHeader, encodeBinaryHeader } from '@connectrpc/connect';
import { connectMirror, connectVoice } from '../connect-calls.ts';
import { callEvents, cancelled, ended } from '../other-side.ts';
import { check, failureOf, type PageCase, same, sameBytes, sampleBytes } from '../page-case.ts';
import { encode, type NarratedWord, voiceMessage } from '../voice.ts';

const largeBytes = 1024 * 1024;
const endlessWords = { text: 'word', repeat: 10_000, intervalMs: 100 };
const detailMessage = voiceMessage('FailRequest');
const encodedDetail = encode('FailRequest', { code: 42, message: 'the detail' });
const voice = connectVoice(location.origin);
const mirror = connectMirror(location.origin);

export const connectWebCases: readonly PageCase[] = [
  { name: 'connect-web: a unary call is answered', run: unary },
  { name: 'connect-web: 1 MiB each way', run: large },
  { name: 'connect-web: a hundred calls at once', run: manyAtOnce },
  { name: 'connect-web: metadata come back as headers and as trailers, binary ones too', run: metadata },
  { name: 'connect-web: a stream arrives whole and in order', run: wholeStream },
  {
    name: 'connect-web: messages arrive while the service still speaks, and aborting reaches it',
    run: endlessStream,
  },
  { name: 'connect-web: a stream that fails after its messages', run: failingStream },
  { name: 'connect-web: a page that reads slowly gets a large stream whole', run: slowReader },
  { name: 'connect-web: an error with details, Trailers-Only', run: () => details(false) },
  { name: 'connect-web: an error with details, after a message', run: () => details(true) },
  { name: 'connect-web: aborting a unary call reaches the service', run: abort },
  { name: 'connect-web: the timeout ends the call here and at the service', run: timeout },
];

async function unary(): Promise<void> {
  const tag = crypto.randomUUID();
  const { text } = await voice.say({ text: 'Grüße, 世界' }, { headers: { 'x-tag': tag } });
  same(text, 'You said: Grüße, 世界', 'the answer');
  same(await callEvents(tag), ['started', 'completed 0'], 'what the service saw');
}

async function large(): Promise<void> {
  const reply = await voice.say({ audio: sampleBytes(largeBytes), replyAudioBytes: largeBytes });
  same([reply.receivedAudioBytes, reply.audio.length], [largeBytes, largeBytes], 'bytes each way');
}

async function manyAtOnce(): Promise<void> {
  const texts = Array.from({ length: 100 }, (_, index) => `number ${index}`);
  const replies = await Promise.all(texts.map((text) => voice.say({ text })));
  same(
    replies.map(({ text }) => text),
    texts.map((text) => `You said: ${text}`),
    'the answers',
  );
}

async function metadata(): Promise<void> {
  const bytes = sampleBytes(61);
  let headers = new Headers();
  let trailers = new Headers();
  await voice.say(
    { text: '' },
    {
      headers: {
        'x-echo-initial-bin': encodeBinaryHeader(bytes),
        'x-echo-trailing-bin': encodeBinaryHeader(bytes),
        'x-echo-a': 'a',
      },
      onHeader: (received) => {
        headers = received;
      },
      onTrailer: (received) => {
        trailers = received;
      },
    },
  );
  same([headers.get('x-echo-a'), trailers.get('x-echo-a')], ['a', 'a'], 'in front and behind');
  sameBytes(decodeBinaryHeader(headers.get('x-echo-initial-bin') ?? ''), bytes, 'binary header');
  sameBytes(decodeBinaryHeader(trailers.get('x-echo-trailing-bin') ?? ''), bytes, 'binary trailer');
}

async function wholeStream(): Promise<void> {
  const words: NarratedWord[] = [];
  for await (const word of voice.narrate({ text: 'eins zwei drei', repeat: 200, audioBytes: 1021 }))
    words.push(word);
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
}

async function endlessStream(): Promise<void> {
  const tag = crypto.randomUUID();
  const stop = new AbortController();
  const listen = async () => {
    let words = 0;
    for await (const _word of voice.narrate(endlessWords, {
      headers: { 'x-tag': tag },
      signal: stop.signal,
    })) {
      words += 1;
      if (words < 3) continue;
      same(await callEvents(tag), ['started'], 'what the service saw at the third message');
      stop.abort();
    }
  };
  const error = await failureOf(listen(), 'the stream');
  check(error instanceof ConnectError && error.code === Code.Canceled, `cancelled, not ${String(error)}`);
  await cancelled(tag);
}

async function failingStream(): Promise<void> {
  let words = 0;
  const listen = async () => {
    const failure = { code: 8, message: 'außer Atem' };
    for await (const _word of voice.narrate({ text: 'eins zwei', failure })) words += 1;
  };
  const error = await failureOf(listen(), 'the stream');
  check(error instanceof ConnectError, `a ConnectError, not ${String(error)}`);
  same([error.code, error.rawMessage, words], [8, 'außer Atem', 2], 'status, message and messages before it');
}

/** More than all windows and buffers on the way hold together. */
async function slowReader(): Promise<void> {
  const [count, audioBytes] = [64, 256 * 1024];
  let words = 0;
  for await (const { sequence, audio } of voice.narrate({ text: 'word', repeat: count, audioBytes })) {
    words += 1;
    same([sequence, audio.length], [words, audioBytes], 'the next message');
    if (words < 10) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  same(words, count, 'messages');
}

async function details(isAfterMessage: boolean): Promise<void> {
  const message = 'Kein Ton: 100 Ω';
  const headers = {
    'x-status': '9',
    'x-message': encodeURIComponent(message),
    'x-details': statusWithDetail(message),
    ...(isAfterMessage ? { 'x-after-message': 'yes' } : {}),
  };
  const error = await failureOf(mirror.answer({}, { headers }), 'the call');
  check(error instanceof ConnectError, `a ConnectError, not ${String(error)}`);
  same([error.code, error.rawMessage], [9, message], 'status and message');
  const found = error.findDetails(detailMessage).map((detail) => toBinary(detailMessage, detail));
  same(found.length, 1, 'the number of details');
  sameBytes(found[0], encodedDetail, 'the detail');
}

/** A google.rpc.Status whose one detail is a message of the voice service, in base64. */
function statusWithDetail(message: string): string {
  const any = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string('type.googleapis.com/voice.FailRequest')
    .tag(2, WireType.LengthDelimited)
    .bytes(encodedDetail)
    .finish();
  const status = new BinaryWriter()
    .tag(1, WireType.Varint)
    .int32(9)
    .tag(2, WireType.LengthDelimited)
    .string(message)
    .tag(3, WireType.LengthDelimited)
    .bytes(any)
    .finish();
  return base64Encode(status, 'std_raw');
}

async function abort(): Promise<void> {
  const tag = crypto.randomUUID();
  const stop = new AbortController();
  const answered = voice.say(
    { text: '', delayMs: 60_000 },
    { headers: { 'x-tag': tag }, signal: stop.signal },
  );
  const aborted = failureOf(answered, 'the call');
  while ((await callEvents(tag)).length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  stop.abort();
  const error = await aborted;
  check(error instanceof ConnectError && error.code === Code.Canceled, `cancelled, not ${String(error)}`);
  await cancelled(tag);
}

async function timeout(): Promise<void> {
  const tag = crypto.randomUUID();
  const late = voice.say({ text: '', delayMs: 60_000 }, { headers: { 'x-tag': tag }, timeoutMs: 1000 });
  const error = await failureOf(late, 'the call');
  check(
    error instanceof ConnectError && error.code === Code.DeadlineExceeded,
    `too late, not ${String(error)}`,
  );
  check(['cancelled', 'failed 4'].includes(await ended(tag)), 'the service went on');
}
