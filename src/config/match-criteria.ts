// Parsers for the texts that a route matches on. They reject a criterion that no request could ever meet.

import { isIPv6 } from 'node:net';
import type { Fault } from './problem.ts';

// A token (RFC 9110 section 5.6.2), in lower case as HTTP/2 requires (RFC 9113 section 8.2.1).
const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const hostLabels = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/** Connection-specific header fields, which a proxy does not forward (RFC 9110 section 7.6.1, RFC 9113 section 8.2.2). */
const OF_A_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** @returns the pattern unchanged: an exact path, or a prefix with one `*` at its end */
export function parsePathPattern(text: string): string | Fault {
  if (/^[~^]/.test(text)) {
    const hint = 'write the path, or a prefix that ends in *, such as /package.Service/*';
    return { message: `'${text}' is a regular expression, and paths are matched letter by letter`, hint };
  }
  if (!text.startsWith('/')) {
    const hint = hintOfPath(text);
    return { message: `'${text}' does not begin with '/'`, hint };
  }
  const star = text.indexOf('*');
  if (star !== -1 && star !== text.length - 1) {
    return {
      message: `'${text}' has a '*' that is not at its end`,
      hint: 'only a prefix such as /package.Service/* can be matched',
    };
  }
  return checkPathCharacters(text) ?? text;
}

function hintOfPath(text: string): string {
  if (/^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/i.test(text))
    return 'write the path of a method, such as /package.Service/Method; the methods of HTTP are not told apart';
  return text === '*' ? 'write /* to match every path' : `write /${text}`;
}

export function parseStripPrefix(text: string): string | Fault {
  if (!text.startsWith('/')) return { message: `'${text}' does not begin with '/'`, hint: `write /${text}` };
  if (text.includes('*'))
    return { message: `'${text}' holds a '*'`, hint: 'write the prefix alone, such as /grpc' };
  if (text === '/') return { message: "'/' would remove nothing", hint: 'remove stripPrefix' };
  if (text.endsWith('/'))
    return { message: `'${text}' ends in '/'`, hint: `write ${text.replace(/\/+$/, '')}` };
  return checkPathCharacters(text) ?? text;
}

/** @returns the host in lower case without a trailing dot; an IPv6 address in brackets, as in :authority */
export function parseHostPattern(text: string): string | Fault {
  const host = text.toLowerCase().replace(/\.$/, '');
  if (host === '*') return { message: "'*' matches every host", hint: 'leave host out' };
  const ipv6 = /^\[(.*)\]$/.exec(host)?.[1] ?? host;
  if (isIPv6(ipv6)) return `[${ipv6}]`;
  const labels = host.startsWith('*.') ? host.slice(2) : host;
  if (hostLabels.test(labels)) return host;
  return hostFault(text);
}

export function parseHeaderName(text: string): string | Fault {
  const name = text.toLowerCase();
  if (name.startsWith(':')) {
    return {
      message: `'${text}' is a pseudo-header`,
      hint: 'match the path by path and the authority by host',
    };
  }
  if (!headerName.test(name))
    return { message: `'${text}' is not a header name`, hint: 'write letters, digits and -, as in x-tenant' };
  if (OF_A_CONNECTION.has(name)) {
    return {
      message: `'${text}' belongs to one connection and is never matched`,
      hint: 'match by path or host; WebSockets go to an upstream with protocol: http1 by themselves',
    };
  }
  return name;
}

export function parseHeaderValue(text: string): string | Fault {
  if (/^\s|\s$/.test(text)) return { message: 'a header value never begins or ends with white space' };
  // NUL, CR and LF make a field malformed (RFC 9113 section 8.2.1).
  if (/[\0\r\n]/.test(text)) return { message: 'a header value cannot hold line breaks or NUL' };
  return text;
}

function checkPathCharacters(text: string): Fault | undefined {
  if (/[?#]/.test(text)) {
    return { message: `'${text}' holds a '?' or '#'`, hint: 'a query is not part of what is matched' };
  }
  if (/[^\x21-\x7e]/.test(text)) {
    return {
      message: 'a path holds visible ASCII characters only',
      hint: 'percent-encode the others, as clients do',
    };
  }
  return undefined;
}

function hostFault(text: string): Fault {
  const [, named] = /^[a-z+.-]+:\/\/([^/:]+)/i.exec(text) ?? [];
  if (named !== undefined)
    return {
      message: `'${text}' is a URL`,
      hint: `write ${named}; hosts are compared without scheme and port`,
    };
  const withPort = /^(.+):([0-9]+)$/.exec(text);
  if (withPort !== null) {
    return {
      message: `'${text}' holds a port`,
      hint: `write ${withPort[1]}; hosts are compared without port`,
    };
  }
  if (text.includes('/'))
    return { message: `'${text}' is not a host`, hint: 'write the name alone, without scheme and path' };
  if (text.includes('*')) {
    return { message: `'${text}' has a '*' that is not its whole first label`, hint: 'write *.example.com' };
  }
  if (/[^\0-\x7f]/.test(text)) {
    return { message: `'${text}' is not ASCII`, hint: 'write its xn-- form, which is what clients send' };
  }
  if (/[\s,]/.test(text)) {
    return { message: `'${text}' is more than one host`, hint: 'write a route for each' };
  }
  const hint = text.startsWith('.') ? `write "*${text}"` : undefined;
  return { message: `'${text}' is not a host name`, hint };
}
