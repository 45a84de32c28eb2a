// Parses web origins as browsers send them in the Origin header (RFC 6454 section 7): scheme, host and port, nothing else.

import type { Fault } from './problem.ts';

/** Browser extensions and apps that run as web pages. Their schemes have no ports. */
const OF_AN_APP = /^(?:(?:chrome|moz|safari-web)-extension|capacitor|ionic|app):\/\/[a-z0-9._-]+$/i;

/** @returns the origin as browsers send it: in lower case, without a default port and without a trailing slash */
export function parseOrigin(text: string): string | Fault {
  if (text === '*') return { message: "'*' stands for every origin", hint: 'write grpcWeb: true' };
  if (text.includes('*')) {
    return {
      message: `'${text}' has a wildcard, and origins are compared whole`,
      hint: 'name each origin, such as https://app.example.com; grpcWeb: true lets every one in, without credentials',
    };
  }
  const own = OF_AN_APP.exec(text);
  if (own !== null) return text.toLowerCase();
  const port = /:(\d+)\/?$/.exec(text)?.[1];
  if (port !== undefined && Number(port) > 65_535)
    return { message: `'${text}' has the port ${port}, and ports end at 65535` };
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return { message: `'${text}' is not an origin`, hint: 'write it as https://app.example.com' };
  }
  if (url.origin !== text.toLowerCase().replace(/\/$/, '').replace(defaultPort(url.protocol), '')) {
    return { message: `'${text}' is more than an origin`, hint: `write ${url.origin}` };
  }
  return url.origin;
}

function defaultPort(protocol: string): RegExp {
  return protocol === 'https:' ? /:443$/ : /:80$/;
}
