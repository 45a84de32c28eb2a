// What a refused HTTP/1 client reads: a status, and in plain text what is wrong. Whole responses, written by hand, for
// connections on which Node's own has nothing more to say.

import { diagnosisCode } from '../diagnosis/codes.ts';
import { type RefusalToken, sentenceForClient } from '../diagnosis/refusal.ts';

/** `status` is code and reason phrase. The connection is to be closed after it. */
export function refusalResponse(
  status: string,
  token: RefusalToken,
  sentence: string = sentenceForClient(token),
): string {
  const body = `${sentence} (${diagnosisCode(token)})\n`;
  return [
    `HTTP/1.1 ${status}`,
    `date: ${new Date().toUTCString()}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}

/** To a client that sent its request in the clear. It names no host: the one it called may be anybody's word. */
export function httpsResponse(port: number | undefined): string {
  const where = port === undefined ? 'This socket' : `Port ${port}`;
  const what = `${where} speaks TLS, and this request came without it.`;
  const remedy =
    'Use https:// instead of http:// in the address, or TLS (secure) credentials in a gRPC client.';
  return refusalResponse('400 Bad Request', 'http1_on_tls_port', `${what} ${remedy}`);
}
