// Writes what an authorizer is told of a call: envoy.service.auth.v3.CheckRequest, by the field numbers of the protocol.

import { principalOf } from '../../calls/client-certificate.ts';
import type { AdmittedCall } from '../../calls/policy.ts';
import { ProtobufWriter } from '../../grpc/protobuf-writer.ts';
import { OF_ONE_CONNECTION } from '../../h2/field-bytes.ts';
import type { HeaderList } from '../../h2/hpack/header-list.ts';

/** Fields of AttributeContext. */
const SOURCE = 1;
const DESTINATION = 2;
const REQUEST = 4;
const CONTEXT_EXTENSIONS = 10;
const TLS_SESSION = 12;
/** Fields of HttpRequest. */
const HTTP = { id: 1, method: 2, headers: 3, path: 4, host: 5, scheme: 6, query: 7, size: 9, protocol: 10 };
const UNKNOWN_SIZE = -1;

/** Fields that say how one hop treats the message. They say nothing about the call. */
const NOT_SENT: ReadonlySet<string> = new Set([...OF_ONE_CONNECTION, 'te', 'trailer', 'expect']);

/** @param extensions `context` of the configuration */
export function checkRequest(
  call: AdmittedCall,
  extensions: ReadonlyMap<string, string>,
  nowEpochMs: number,
): Buffer {
  const context = new ProtobufWriter()
    .message(SOURCE, source(call))
    .message(DESTINATION, new ProtobufWriter().message(1, socketAddress('', call.listenerPort)))
    .message(REQUEST, request(call, nowEpochMs));
  for (const [name, value] of extensions) context.message(CONTEXT_EXTENSIONS, entry(name, value));
  if (call.serverName !== '') context.message(TLS_SESSION, new ProtobufWriter().text(1, call.serverName));
  return Buffer.from(new ProtobufWriter().message(1, context).bytes);
}

/** Peer: address 1, principal 4. */
function source({ clientAddress, clientPort, clientCertificate }: AdmittedCall): ProtobufWriter {
  const peer = new ProtobufWriter();
  // A client of a Unix socket has no address.
  if (clientAddress !== '' && clientAddress !== 'unix:')
    peer.message(1, socketAddress(clientAddress, clientPort));
  return peer.text(4, clientCertificate === undefined ? '' : principalOf(clientCertificate));
}

/** Address, with a SocketAddress in it: address 2, port_value 3. Its protocol 1 is TCP, which is 0. */
function socketAddress(address: string, port: number | undefined): ProtobufWriter {
  return new ProtobufWriter().message(1, new ProtobufWriter().text(2, address).number(3, port ?? 0));
}

/** AttributeContext.Request: time 1, http 2. */
function request(call: AdmittedCall, nowEpochMs: number): ProtobufWriter {
  const seconds = Math.floor(nowEpochMs / 1000);
  const time = new ProtobufWriter()
    .number(1, seconds)
    .number(2, Math.floor(nowEpochMs - seconds * 1000) * 1_000_000);
  return new ProtobufWriter().message(1, time).message(2, httpRequest(call));
}

function httpRequest(call: AdmittedCall): ProtobufWriter {
  const fields = call.presentedFields();
  const { authority, method: target, tls } = call.subject;
  const queryAt = target.indexOf('?');
  const http = new ProtobufWriter()
    .text(HTTP.id, call.requestId)
    .text(HTTP.method, fields.get(':method') ?? '');
  const pseudo = [
    [':authority', authority],
    [':method', fields.get(':method') ?? ''],
    [':path', target],
    [':scheme', tls === '' ? 'http' : 'https'],
  ] as const;
  for (const [name, value] of pseudo) http.message(HTTP.headers, entry(name, asText(value)));
  for (const [name, value] of joinedFields(fields)) http.message(HTTP.headers, entry(name, asText(value)));
  return http
    .text(HTTP.path, asText(target))
    .text(HTTP.host, asText(authority))
    .text(HTTP.scheme, tls === '' ? 'http' : 'https')
    .text(HTTP.query, queryAt === -1 ? '' : asText(target.slice(queryAt + 1)))
    .signed(HTTP.size, sizeOf(fields))
    .text(HTTP.protocol, call.protocol);
}

function sizeOf(fields: HeaderList): number {
  const text = fields.get('content-length') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : UNKNOWN_SIZE;
}

/** Several fields of one name are one list (RFC 9110 section 5.3), and several of Cookie one string (RFC 9113 section 8.2.3). */
function joinedFields(fields: HeaderList): ReadonlyMap<string, string> {
  const joined = new Map<string, string>();
  fields.names.forEach((name, index) => {
    if (name.startsWith(':') || NOT_SENT.has(name)) return;
    const before = joined.get(name);
    const value = fields.valueAt(index);
    joined.set(name, before === undefined ? value : before + (name === 'cookie' ? '; ' : ',') + value);
  });
  return joined;
}

/** An entry of a map of texts. */
function entry(name: string, value: string): ProtobufWriter {
  return new ProtobufWriter().text(1, name).text(2, value);
}

/**
 * Values of header fields have one character for each byte. Bytes that are no UTF-8 are replaced: a receiver would refuse the whole
 * message, so that a client could keep its authorizer from judging.
 */
function asText(value: string): string {
  return Buffer.from(value, 'latin1').toString('utf8');
}
