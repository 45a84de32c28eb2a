// Calls to another origin than the page's: allowed by configuration, asked for beforehand by the browser, or refused.

import { Code, ConnectError } from '@connectrpc/connect';
import { GrpcWebClientBase, MethodDescriptor } from 'grpc-web';
import { connectVoice } from '../connect-calls.ts';
import { callEvents, exchanges, logged } from '../other-side.ts';
import { check, eventually, failureOf, type PageCase, same } from '../page-case.ts';
import { decode, encode, type NarratedWord, SayReply } from '../voice.ts';
import { frameOf } from './bodies.ts';

/** `callsOrigin` serves the same service to pages of this one by `grpcWeb.origins`. */
export function crossOriginCases(callsOrigin: string): readonly PageCase[] {
  // The page's own port by another name: another origin to a browser, and `grpcWeb: true` there.
  const anyOrigin = `https://127.0.0.1:${location.port}`;
  return [
    { name: 'CORS, named origin: a unary call with metadata of its own', run: () => unary(callsOrigin) },
    { name: 'CORS, named origin: a call with credentials', run: () => unary(callsOrigin, 'include') },
    { name: 'CORS, named origin: a stream', run: () => stream(callsOrigin) },
    {
      name: 'CORS, named origin: the grpc-web package in both forms',
      run: () => grpcWebPackage(callsOrigin),
    },
    {
      name: 'CORS, named origin: status and message in headers are readable',
      run: () => statusInHeaders(callsOrigin),
    },
    {
      name: 'CORS, named origin: one preflight is enough for several calls',
      run: () => preflight(callsOrigin),
    },
    { name: 'CORS, any origin: a unary call', run: () => unary(anyOrigin) },
    { name: 'CORS, any origin: credentials are not allowed', run: () => credentialsRefused(anyOrigin) },
    {
      name: 'CORS, foreign origin: the call fails, never arrives, and is in the log',
      run: () => refused(callsOrigin),
    },
  ];
}

async function unary(origin: string, credentials?: RequestCredentials): Promise<void> {
  const tag = crypto.randomUUID();
  let headers = new Headers();
  let trailers = new Headers();
  const options = {
    headers: { 'x-tag': tag, 'x-echo-a': 'both' },
    onHeader: (received: Headers) => {
      headers = received;
    },
    onTrailer: (received: Headers) => {
      trailers = received;
    },
  };
  const { text } = await connectVoice(origin, credentials).say({ text: 'hello' }, options);
  same(text, 'You said: hello', 'the answer');
  same([headers.get('x-echo-a'), trailers.get('x-echo-a')], ['both', 'both'], 'metadata of the answer');
  same(await callEvents(tag), ['started', 'completed 0'], 'what the service saw');
}

async function stream(origin: string): Promise<void> {
  const words: NarratedWord[] = [];
  for await (const word of connectVoice(origin).narrate({ text: 'eins zwei drei' })) words.push(word);
  same(
    words.map(({ word }) => word),
    ['eins', 'zwei', 'drei'],
    'the words',
  );
}

async function grpcWebPackage(origin: string): Promise<void> {
  const path = `${origin}/voice.VoiceAssistant/Say`;
  const say = new MethodDescriptor<object, SayReply>(
    path,
    'unary',
    Object,
    SayReply,
    (fields: object) => encode('SayRequest', fields),
    (bytes: Uint8Array) => decode('SayReply', bytes),
  );
  for (const format of ['binary', 'text']) {
    const client = new GrpcWebClientBase({ format, withCredentials: true });
    const { text } = await client.unaryCall(path, { text: format }, { 'x-mine': 'yes' }, say);
    same(text, `You said: ${format}`, 'the answer');
  }
}

function callByHand(url: string, message: Uint8Array): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    body: frameOf(message),
    headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' },
  });
}

async function statusInHeaders(origin: string): Promise<void> {
  const message = encode('FailRequest', { code: 7, message: 'no' });
  const { status, headers } = await callByHand(`${origin}/voice.VoiceAssistant/Fail`, message);
  same(
    [status, headers.get('grpc-status'), headers.get('grpc-message')],
    [200, '7', 'no'],
    'what the page can read',
  );
}

async function preflight(origin: string): Promise<void> {
  const path = '/cached/voice.VoiceAssistant/Say';
  const message = encode('SayRequest', { text: '' });
  for (let call = 0; call < 3; call++) {
    const response = await callByHand(`${origin}${path}`, message);
    same(response.status, 200, 'status');
    await response.arrayBuffer();
  }
  const statuses = await eventually('the log has all calls', async () => {
    const answers = (await exchanges(path)).map(({ httpStatus }) => httpStatus);
    return answers.filter((status) => status === 200).length === 3 ? answers : undefined;
  });
  same(statuses, [204, 200, 200, 200], 'the answers in the log');
}

async function credentialsRefused(origin: string): Promise<void> {
  const error = await failureOf(connectVoice(origin, 'include').say({ text: '' }), 'the call');
  check(
    error instanceof ConnectError && error.code === Code.Unknown,
    `refused by the browser, not ${String(error)}`,
  );
}

async function refused(origin: string): Promise<void> {
  const tag = crypto.randomUUID();
  const prefix = '/elsewhere';
  const call = connectVoice(`${origin}${prefix}`).say({ text: '' }, { headers: { 'x-tag': tag } });
  const error = await failureOf(call, 'the call');
  check(error instanceof ConnectError, `a ConnectError, not ${String(error)}`);
  check(error.cause instanceof TypeError, `an error of the browser, not ${String(error.cause)}`);
  same(await callEvents(tag), [], 'what the service saw');
  const reasons = await eventually('the log has the refusal', async () => {
    const records = await exchanges(`${prefix}/voice.VoiceAssistant/Say`);
    return records.length === 0 ? undefined : records.map(({ reason }) => reason.split(':')[0]);
  });
  const token = 'grpc_web_origin_refused';
  same([...new Set(reasons)], [token], 'the reason in the log');
  check((await logged(token)).length > 0, 'the log has a diagnosis of the refusal');
}
