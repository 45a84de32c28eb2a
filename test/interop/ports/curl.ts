// How curl is called, and what it got: its exit code, the last response it printed, and its complaint.

import type { CommandResult } from './command.ts';

export interface CurlResult {
  /** Of curl: 0 when a response came, whatever its status. */
  readonly code: number | undefined;
  /** 0 when none came. */
  readonly status: number;
  /** '1.1' or '2', as curl says. */
  readonly version: string;
  /** Status line and header fields of the last response, as printed. */
  readonly head: string;
  /** All heads: also those of interim responses. */
  readonly heads: readonly string[];
  readonly body: string;
  readonly rawBody: Buffer;
  /** Standard error: with --verbose all that curl tells. */
  readonly complaint: string;
}

const summary = '%{stderr}\ncurl got %{http_code} by HTTP/%{http_version}\n';
const clientTimeoutSeconds = '50';

export function curlArguments(
  from: { readonly source: string; readonly port: number; readonly caFile: string },
  url: string,
  args: readonly string[],
): readonly string[] {
  const always = ['--silent', '--show-error', '--include', '--no-buffer', '--noproxy', '*'];
  const where = ['--resolve', `localhost:${from.port}:127.0.0.1`, '--cacert', from.caFile];
  const limits = ['--max-time', clientTimeoutSeconds, '--write-out', summary];
  return ['--disable', ...always, ...where, ...limits, '--interface', from.source, ...args, url];
}

export function parseCurl({ code, output, complaint }: CommandResult): CurlResult {
  const heads: string[] = [];
  let rest = output;
  while (rest.subarray(0, 5).toString('latin1') === 'HTTP/') {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) break;
    heads.push(rest.subarray(0, end).toString('latin1'));
    rest = rest.subarray(end + 4);
  }
  const told = /\ncurl got (\d+) by HTTP\/([\d.]+)\n/.exec(complaint);
  return {
    code,
    status: Number(told?.[1] ?? 0),
    version: told?.[2] ?? '',
    head: heads.at(-1) ?? '',
    heads,
    body: rest.toString(),
    rawBody: rest,
    complaint,
  };
}
