// Answers to HTTP/1.1 clients that are not served: a status, and in plain text what is wrong and how to mend it.

import type { IncomingMessage } from 'node:http';
import type { LocalResponse } from '../calls/local-response.ts';
import { diagnosisCode } from '../diagnosis/codes.ts';
import { explainHttp1OnGrpcRoute, explainMissingAlpn } from '../diagnosis/explanation.ts';
import { type RefusalToken, sentenceForClient } from '../diagnosis/refusal.ts';
import { trailers } from '../grpc/error-trailers.ts';
import { GrpcStatus } from '../grpc/status.ts';
import { HeaderList } from '../h2/hpack/header-list.ts';
import type { Http1Peer } from './http1-edge-context.ts';

export interface Http1Refusal {
  readonly token: RefusalToken;
  readonly response: LocalResponse;
  /** For the record. */
  readonly reason: string;
}

type Fields = readonly (readonly [name: string, value: string])[];

/** A gRPC call: no service that speaks HTTP/1.1 can answer it, since it ends in trailers. */
export function refuseGrpc(request: IncomingMessage, peer: Http1Peer): Http1Refusal {
  const isTls = peer.tls !== '';
  const alpn = peer.alpn === 'http/1.1' ? 'http/1.1' : 'none';
  const sentence = explainMissingAlpn(isTls, alpn, request.headers['user-agent']);
  const token = isTls ? 'tls_grpc_without_h2' : 'http1_grpc';
  return refusal(token, 505, sentence, trailers(GrpcStatus.UNAVAILABLE, sentence));
}

/** A route to a gRPC service. */
export function refuseHttp1(request: IncomingMessage, peer: Http1Peer, servesGrpcWeb: boolean): Http1Refusal {
  const sentence = explainHttp1OnGrpcRoute(
    request.headers['user-agent'],
    isConnectCall(request),
    servesGrpcWeb,
  );
  // Upgrade names what would be served; it is an offer to nobody, since this connection closes.
  const fields: Fields = [
    ['upgrade', peer.tls === '' ? 'h2c' : 'h2'],
    ['connection', 'upgrade, close'],
  ];
  return refusal('http1_on_grpc_route', 426, sentence, fields);
}

/** What calls of the Connect protocol have and no others: unary ones and streams by POST, those without side effects by GET. */
function isConnectCall({ method, url = '', headers }: IncomingMessage): boolean {
  return (
    headers['connect-protocol-version'] !== undefined ||
    headers['content-type']?.startsWith('application/connect+') === true ||
    (method === 'GET' && /[?&]connect=v1(?:&|$)/.test(url))
  );
}

export function refuseWebSocket(): Http1Refusal {
  return refusal('websocket_refused', 501, sentenceOf('websocket_refused'));
}

/** `why` goes on after a colon. */
export function refuseInvalid(httpStatus: number, why: string): Http1Refusal {
  const sentence = `This request may not be forwarded: ${why} (${diagnosisCode('http1_request_invalid')}).`;
  return refusal('http1_request_invalid', httpStatus, sentence);
}

function sentenceOf(token: RefusalToken): string {
  return `${sentenceForClient(token)} (${diagnosisCode(token)})`;
}

function refusal(token: RefusalToken, httpStatus: number, sentence: string, more: Fields = []): Http1Refusal {
  const body = Buffer.from(`${sentence}\n`);
  const fields = HeaderList.of(
    [':status', String(httpStatus)],
    ['content-type', 'text/plain; charset=utf-8'],
    ['content-length', String(body.length)],
    ...more,
  );
  return { token, response: { httpStatus, fields, body }, reason: `${token}: ${sentence}` };
}
