// Responses to refused HTTP/1 clients: a status, and plain text that says what is wrong. They are whole responses written by
// hand, for connections on which Node writes nothing more.

import { diagnosisCode } from '../diagnosis/codes.ts';
import { type RefusalToken, sentenceForClient } from '../diagnosis/refusal.ts';

/** `status` is the code and the reason phrase. The connection must be closed after the response. */
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

/** The response to a client that sent a plaintext request to a TLS port. It names no host: the host in the request may be forged. */
export function httpsResponse(port: number | undefined): string {
  const where = port === undefined ? 'This socket' : `Port ${port}`;
  const what = `${where} speaks TLS, and this request came without it.`;
  const remedy =
    'Use https:// instead of http:// in the address, or TLS (secure) credentials in a gRPC client.';
  return refusalResponse('400 Bad Request', 'http1_on_tls_port', `${what} ${remedy}`);
}
