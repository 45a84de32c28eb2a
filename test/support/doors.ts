// Connects to a proxy by each kind of port. Tests get the sockets and can speak any protocol on them.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { testCertificate } from './certificates.ts';
import type { ProxyUnderTest } from './proxy-under-test.ts';

export type DoorName = 'tls' | 'clear' | 'tls-accept' | 'proxied' | 'tls-proxied' | 'unix';

interface Door {
  readonly name: DoorName;
  /** Whether the client speaks TLS. False for plaintext on a TLS port. */
  readonly isTls: boolean;
  /** Whether the client sends a PROXY header first, as a load balancer does. */
  readonly isProxied: boolean;
}

export const DOORS: readonly Door[] = [
  { name: 'tls', isTls: true, isProxied: false },
  { name: 'clear', isTls: false, isProxied: false },
  { name: 'tls-accept', isTls: false, isProxied: false },
  { name: 'proxied', isTls: false, isProxied: true },
  { name: 'tls-proxied', isTls: true, isProxied: true },
  { name: 'unix', isTls: false, isProxied: false },
];

export type { Door };

const PROXY_HEADER = 'PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n';

/** @returns the configuration of listeners for all doors. @param folder the folder for the socket of 'unix' */
export async function doorListeners(folder: string): Promise<readonly unknown[]> {
  const { cert, key } = await testCertificate('localhost', '127.0.0.1');
  const tls = { certificates: [{ cert, key }] };
  const address = '127.0.0.1:0';
  const proxyProtocol = { trusted: ['127.0.0.0/8'] };
  return [
    { name: 'tls', address, tls },
    { name: 'clear', address },
    { name: 'tls-accept', address, tls, mismatch: 'accept' },
    { name: 'proxied', address, proxyProtocol },
    { name: 'tls-proxied', address, tls, proxyProtocol },
    { name: 'unix', address: `unix:${unixPath(folder)}` },
  ];
}

export function unixPath(folder: string): string {
  return `${folder}/framegate.sock`;
}

/** @returns a socket on which HTTP can begin at once. It is closed when the test ends. */
export async function enter(
  t: TestContext,
  proxy: ProxyUnderTest,
  door: Door,
  folder: string,
  alpn: 'h2' | 'http/1.1',
): Promise<Socket> {
  const socket =
    door.name === 'unix' ? connect(unixPath(folder)) : connect(proxy.port(door.name), '127.0.0.1');
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  if (door.isProxied) socket.write(PROXY_HEADER);
  if (!door.isTls) return socket;
  const secured: TLSSocket = connectTls({
    socket,
    ca: proxy.caPem,
    servername: 'localhost',
    ALPNProtocols: [alpn],
  });
  secured.on('error', () => undefined);
  await once(secured, 'secureConnect');
  return secured;
}
