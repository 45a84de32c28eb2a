// Parses the values of `trace`: where spans go, the share of calls that is sampled, and header fields for the collector. No message shows
// the value of a header field, which may be a secret.

import { parseHeaderName } from './match-criteria.ts';
import { type Fault, isFault } from './problem.ts';
import type { TraceExporter } from './trace-config.ts';

const EXAMPLE = 'write it as http://127.0.0.1:4318 for OTLP over HTTP, or grpc://127.0.0.1:4317 for gRPC';
const TRACES_PATH = '/v1/traces';

/** Fields that the exporter sets itself. */
const OF_THE_EXPORTER = /^(?:content-|grpc-|te$|user-agent$|host$|accept$|expect$)/;

export function parseTraceExporter(text: string): TraceExporter | Fault {
  const url = URL.parse(text);
  const scheme = /^(https?|grpcs?):\/\//i.exec(text)?.[1].toLowerCase();
  if (url === null || scheme === undefined || url.hostname === '')
    return { message: 'is not the URL of a collector', hint: EXAMPLE };
  if (url.username !== '' || url.password !== '')
    return { message: 'holds a user or a password', hint: 'write headers: { authorization: … } instead' };
  if (url.search !== '' || url.hash !== '')
    return { message: 'holds a query or a fragment, which no collector reads', hint: EXAMPLE };
  if (scheme.startsWith('http')) return { protocol: 'http', url: withPath(url) };
  if (url.pathname !== '' && url.pathname !== '/')
    return { message: 'holds a path, and gRPC has its own', hint: `write ${scheme}://${url.host}` };
  if (url.port === '') return { message: 'names no port', hint: `write ${scheme}://${url.hostname}:4317` };
  return { protocol: 'grpc', url: `${scheme === 'grpcs' ? 'https' : 'http'}://${url.host}` };
}

/** As OTLP exporters complete an endpoint for all signals. */
function withPath(url: URL): string {
  const path = url.pathname.replace(/\/+$/, '');
  return `${url.origin}${path.endsWith(TRACES_PATH) ? path : path + TRACES_PATH}`;
}

export const sharePattern = /^([0-9]{1,3}(?:\.[0-9]{1,4})?)%$/;

/** Parses a percentage that may have decimals. @returns a number from 0 to 1 */
export function parseShare(text: string): number | Fault {
  const found = sharePattern.exec(text);
  if (found === null) return { message: `'${text}' is not a percentage such as 1% or 0.1%` };
  const percent = Number(found[1]);
  return percent <= 100 ? percent / 100 : { message: `'${text}' is out of range`, hint: '0% to 100%' };
}

export function parseTraceHeaderName(text: string): string | Fault {
  const name = parseHeaderName(text);
  if (isFault(name)) return name;
  if (OF_THE_EXPORTER.test(name)) return { message: `'${text}' is set by the exporter` };
  return name.endsWith('-bin') ? { message: `'${text}' would hold binary metadata` } : name;
}

export function parseTraceHeaderValue(text: string): string | Fault {
  if (/^\s|\s$/.test(text)) return { message: 'a header value never begins or ends with white space' };
  return /^[\x20-\x7e]+$/.test(text)
    ? text
    : { message: 'a header value holds ASCII characters, one at least' };
}
