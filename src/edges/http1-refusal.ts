// Responses to HTTP/1.1 requests that are refused: a status, and a text that says what is wrong and how to fix it.

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
  /** The reason for the record of the exchange. */
  readonly reason: string;
}

type Fields = readonly (readonly [name: string, value: string])[];

/** Refuses a gRPC call: gRPC needs HTTP/2. */
export function grpcRefusal(request: IncomingMessage, peer: Http1Peer): Http1Refusal {
  const isTls = peer.tls !== '';
  const alpn = peer.alpn === 'http/1.1' ? 'http/1.1' : 'none';
  const sentence = explainMissingAlpn(isTls, alpn, request.headers['user-agent']);
  const token = isTls ? 'tls_grpc_without_h2' : 'http1_grpc';
  return refusal(token, 505, sentence, trailers(GrpcStatus.UNAVAILABLE, sentence));
}

/** Refuses a request whose route leads to a gRPC service. */
export function http1Refusal(
  request: IncomingMessage,
  peer: Http1Peer,
  servesGrpcWeb: boolean,
): Http1Refusal {
  const sentence = explainHttp1OnGrpcRoute(
    request.headers['user-agent'],
    isConnectCall(request),
    servesGrpcWeb,
  );
  // RFC 9110 section 15.5.22 requires Upgrade in a 426 response. The client cannot upgrade here, because this connection closes.
  const fields: Fields = [
    ['upgrade', peer.tls === '' ? 'h2c' : 'h2'],
    ['connection', 'upgrade, close'],
  ];
  return refusal('http1_on_grpc_route', 426, sentence, fields);
}

/** Whether the request belongs to the Connect protocol: a unary call, a stream, or a call without side effects, which uses GET. */
function isConnectCall({ method, url = '', headers }: IncomingMessage): boolean {
  return (
    headers['connect-protocol-version'] !== undefined ||
    headers['content-type']?.startsWith('application/connect+') === true ||
    (method === 'GET' && /[?&]connect=v1(?:&|$)/.test(url))
  );
}

export function webSocketRefusal(): Http1Refusal {
  return refusal('websocket_refused', 501, sentenceOf('websocket_refused'));
}

/** Refuses an invalid request. @param why a phrase that continues a sentence after a colon */
export function invalidRefusal(httpStatus: number, why: string): Http1Refusal {
  const sentence = `This request may not be forwarded: ${why}. (${diagnosisCode('http1_request_invalid')})`;
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
