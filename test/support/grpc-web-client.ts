// A gRPC-Web client over HTTP/1.1 or HTTP/2 that shares no code with the proxy: it uses Node's HTTP clients and decodes the
// responses by hand.

import assert from 'node:assert/strict';
import { request as http1Request } from 'node:http';
import { connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { voiceServiceDefinition } from '../../src/demo/voice-proto.ts';
import { grpcMessage } from './raw-frames.ts';

export type WebProtocol = 'http1' | 'http2';

export const webProtocols: readonly WebProtocol[] = ['http1', 'http2'];

export interface WebRequest {
  readonly method?: string;
  readonly path: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** The PEM certificate to trust. Without it the connection is plaintext. */
  readonly ca?: string;
}

/** A response whose body has not been read yet. */
export interface OpenResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
  /** Resolves at the end of the response, to false if it was cut off. */
  readonly isWhole: Promise<boolean>;
  abort(): void;
}

export interface WebResponse extends Omit<OpenResponse, 'body' | 'isWhole' | 'abort'> {
  readonly content: Buffer;
  readonly isWhole: boolean;
}

type Flat = Readonly<Record<string, string>>;

/** Makes a call on a connection of its own. Rejects if there is no response. */
export function openWebCall(protocol: WebProtocol, port: number, request: WebRequest): Promise<OpenResponse> {
  return protocol === 'http1' ? openHttp1(port, request) : openHttp2(port, request);
}

/** Makes a call and reads the whole response. */
export async function webCall(
  protocol: WebProtocol,
  port: number,
  request: WebRequest,
): Promise<WebResponse> {
  return wholeResponse(await openWebCall(protocol, port, request));
}

export async function wholeResponse({ status, headers, body, isWhole }: OpenResponse): Promise<WebResponse> {
  const chunks: Buffer[] = [];
  body.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { status, headers, isWhole: await isWhole, content: Buffer.concat(chunks) };
}

function openHttp1(
  port: number,
  { method = 'POST', path, fields = {}, body, ca }: WebRequest,
): Promise<OpenResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<OpenResponse>();
  const options = { host: 'localhost', port, method, path, headers: fields, agent: false };
  const request = ca === undefined ? http1Request(options) : httpsRequest({ ...options, ca });
  request.on('error', reject);
  request.on('response', (response) => {
    const whole = Promise.withResolvers<boolean>();
    response.on('error', () => undefined);
    response.on('close', () => whole.resolve(response.complete));
    resolve({
      status: response.statusCode ?? 0,
      headers: flattened(response.headers),
      body: response,
      isWhole: whole.promise,
      abort: () => request.destroy(),
    });
  });
  request.end(body);
  return promise;
}

function openHttp2(
  port: number,
  { method = 'POST', path, fields = {}, body, ca }: WebRequest,
): Promise<OpenResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<OpenResponse>();
  const session = connect(`${ca === undefined ? 'http' : 'https'}://localhost:${port}`, { ca });
  session.on('error', reject);
  const stream = session.request({ ':method': method, ':path': path, ...fields });
  const whole = Promise.withResolvers<boolean>();
  let hasEnded = false;
  stream.on('error', reject);
  stream.on('end', () => {
    hasEnded = true;
  });
  stream.on('close', () => {
    whole.resolve(hasEnded && stream.rstCode === 0);
    session.destroy();
  });
  stream.on('response', (headers) =>
    resolve({
      status: Number(headers[':status']),
      headers: flattened(headers),
      body: stream,
      isWhole: whole.promise,
      abort: () => session.destroy(),
    }),
  );
  stream.end(body);
  return promise;
}

function flattened(headers: NodeJS.Dict<unknown>): Flat {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !name.startsWith(':'))
      .map(([name, value]) => [name, String(value)]),
  );
}

/** The content of a gRPC-Web body. */
export interface WebBody {
  readonly messages: readonly Buffer[];
  /** Undefined if the body has no trailer frame. */
  readonly trailers: Flat | undefined;
}

export function parseWebBody(content: Buffer, isText = false): WebBody {
  const bytes = isText ? decodeText(content) : content;
  const messages: Buffer[] = [];
  let trailers: Flat | undefined;
  for (let at = 0; at < bytes.length; ) {
    assert.equal(trailers, undefined, 'trailers are the last frame');
    const payload = bytes.subarray(at + 5, at + 5 + bytes.readUInt32BE(at + 1));
    if (bytes[at] === 0x80) trailers = parseTrailers(payload.toString('latin1'));
    else messages.push(payload);
    at += 5 + payload.length;
  }
  return { messages, trailers };
}

/** Decodes as clients do: four characters at a time, with padding anywhere. */
function decodeText(content: Buffer): Buffer {
  const text = content.toString('latin1');
  assert.match(text, /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*$/);
  return Buffer.concat(
    (text.match(/[^=]{4}|[^=]{3}=|[^=]{2}==/g) ?? []).map((part) => Buffer.from(part, 'base64')),
  );
}

function parseTrailers(block: string): Flat {
  assert.ok(block.endsWith('\r\n'), 'every line is ended');
  const lines = block.slice(0, -2).split('\r\n');
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
}

type VoiceMethodName = 'Say' | 'Narrate' | 'Fail';

/** @returns the complete request for a method of the demo service */
export function voiceRequest(
  method: VoiceMethodName,
  message: object,
  { isText = false, fields = {} }: { readonly isText?: boolean; readonly fields?: Flat } = {},
): WebRequest {
  const { path, requestSerialize } = voiceServiceDefinition[method];
  const body = grpcMessage(requestSerialize(message));
  const contentType = isText ? 'application/grpc-web-text+proto' : 'application/grpc-web+proto';
  return {
    path,
    fields: { 'content-type': contentType, 'x-grpc-web': '1', ...fields },
    body: isText ? Buffer.from(body.toString('base64')) : body,
  };
}

export function voiceReply(method: VoiceMethodName, message: Buffer): Readonly<Record<string, unknown>> {
  const reply: unknown = voiceServiceDefinition[method].responseDeserialize(message);
  assert.ok(isRecord(reply));
  return reply;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
