// Pages and requests that have nothing to do with gRPC: from an HTTP/1.1 server, and from a service of plain HTTP/2.

import type { Settings } from '../other-side.ts';
import { check, failureOf, type PageCase, same, sameBytes, sampleBytes } from '../page-case.ts';

const uploadBytes = 4 * 1024 * 1024;

export function webPageCases(protocol: Settings['protocol']): readonly PageCase[] {
  return [
    { name: `page: it was loaded over ${protocol}`, run: () => pageOver(protocol) },
    { name: 'page: its server sees host, scheme and address of the browser', run: forwardedHeaders },
    {
      name: 'page: 4 MiB go up to an HTTP/1.1 server and come back whole',
      run: () => echo('/echo', protocol),
    },
    { name: "page: the server's 404 arrives as it is", run: () => missing('/missing', '') },
    { name: 'page: a body that the server breaks off is an error, not an end', run: brokenOff },
    ...(protocol === 'h2' ? plainHttp2Cases : upgradeRequiredCases),
  ];
}

const plainHttp2Cases: readonly PageCase[] = [
  {
    name: 'plain HTTP/2: 4 MiB go up to an HTTP/2 service and come back whole',
    run: () => echo('/plain/echo?a=b', 'h2'),
  },
  { name: 'plain HTTP/2: method and query reach the service', run: methodAndQuery },
  {
    name: "plain HTTP/2: the service's 404 arrives with its body",
    run: () => missing('/plain/missing', 'nothing here'),
  },
];

const upgradeRequiredCases: readonly PageCase[] = [
  { name: 'plain HTTP/2: over HTTP/1.1 the answer is 426, with an explanation', run: upgradeRequired },
];

async function pageOver(protocol: string): Promise<void> {
  const [entry] = performance.getEntriesByType('navigation');
  check(entry instanceof PerformanceNavigationTiming, 'no entry for the navigation');
  same(entry.nextHopProtocol, protocol, 'the protocol of the page');
}

async function upgradeRequired(): Promise<void> {
  const response = await fetch('/plain/echo');
  same(response.status, 426, 'status');
  check((await response.text()).includes('HTTP/2'), 'the explanation names HTTP/2');
}

async function forwardedHeaders(): Promise<void> {
  const headers = await (await fetch('/headers')).json();
  same(headers.host, location.host, 'host');
  same(headers['x-forwarded-proto'], 'https', 'x-forwarded-proto');
  same(headers['x-forwarded-for'], '127.0.0.1', 'x-forwarded-for');
  same(headers['user-agent'], navigator.userAgent, 'user-agent');
}

async function echo(path: string, protocol: string): Promise<void> {
  const body = sampleBytes(uploadBytes);
  const response = await fetch(path, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/octet-stream' },
  });
  same(response.status, 200, 'status');
  sameBytes(new Uint8Array(await response.arrayBuffer()), body, 'what came back');
  const entry = performance.getEntriesByName(new URL(path, location.href).href).at(-1);
  check(entry instanceof PerformanceResourceTiming, 'no entry for the request');
  same(entry.nextHopProtocol, protocol, 'the protocol of the request');
}

async function missing(path: string, body: string): Promise<void> {
  const response = await fetch(path);
  same([response.status, await response.text()], [404, body], 'status and body');
}

async function brokenOff(): Promise<void> {
  const read = fetch('/broken-off').then((response) => response.text());
  const error = await failureOf(read, 'reading the body');
  check(error instanceof TypeError, `an error of the network, not ${String(error)}`);
}

async function methodAndQuery(): Promise<void> {
  const response = await fetch('/plain/x?a=1&b=%20', { method: 'DELETE' });
  same([response.headers.get('x-method'), response.headers.get('x-query')], ['DELETE', 'a=1&b=%20'], 'seen');
}
