// What a gRPC client is told of an address is bounded; a browser gets all of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestKind } from '../../src/calls/policy.ts';
import type { RouteConfig } from '../../src/config/route-config.ts';
import { redirectPolicy } from '../../src/policies/redirect-policy.ts';
import { HeaderEdits } from '../../src/relay/header-edits.ts';

const ROUTE: RouteConfig = {
  name: 'moved',
  match: { path: '/*', host: undefined, headers: new Map(), listener: undefined },
  stripPrefix: undefined,
  upstream: undefined,
  grpcWeb: undefined,
  redirect: { origin: 'https://www.example.com', path: undefined, httpStatus: 308 },
};

function fieldOf(
  kind: Pick<RequestKind, 'path' | 'isGrpc'> & Partial<RequestKind>,
  name: string,
  route = ROUTE,
): string {
  const whole: RequestKind = {
    listener: 'clear',
    clientAddress: '192.0.2.1',
    tls: '',
    trusted: false,
    authority: 'a.test',
    httpMethod: 'POST',
    header: () => undefined,
    isConfiguredHost: () => false,
    ...kind,
  };
  const decision = redirectPolicy(route)?.decide?.(whole, new HeaderEdits());
  assert.ok(decision?.kind === 'answer');
  return decision.response.fields.get(name) ?? '';
}

test('of a long address a gRPC client is told the first 256 characters', () => {
  const path = `/${'a'.repeat(10_000)}`;
  const message = decodeURIComponent(fieldOf({ path, isGrpc: true }, 'grpc-message'));
  const address = /^This is served at (\S+)\. gRPC clients/.exec(message)?.[1] ?? '';
  assert.equal(address, `https://www.example.com${path}`.slice(0, 256));
  assert.equal(fieldOf({ path, isGrpc: false }, 'location'), `https://www.example.com${path}`);
});

function messageFor(origin: string | undefined, authority: string): string {
  const route: RouteConfig = { ...ROUTE, redirect: { origin, path: undefined, httpStatus: 301 } };
  return decodeURIComponent(fieldOf({ path: '/a.B/C', isGrpc: true, authority }, 'grpc-message', route));
}

test('a gRPC client is told host and port in the form that it can dial', () => {
  for (const [origin, authority, dialled] of [
    [undefined, 'localhost:80', 'secure_channel("localhost:443", '],
    ['https://${host}:8443', '[::1]:80', 'secure_channel("[::1]:8443", '],
    ['http://www.example.com', 'a.test', 'insecure_channel("www.example.com:80")'],
  ] as const)
    assert.ok(
      messageFor(origin, authority).includes(`in Python grpc.${dialled}`),
      messageFor(origin, authority),
    );
});

test('a gRPC client that is sent to another path of the same host is told to call it', () => {
  const route: RouteConfig = { ...ROUTE, redirect: { origin: '', path: '/b.C/D', httpStatus: 301 } };
  const message = decodeURIComponent(fieldOf({ path: '/a.B/C', isGrpc: true }, 'grpc-message', route));
  assert.equal(message, 'This is served at /b.C/D. gRPC clients follow no redirects: call that path.');
});

test('a short address is told whole', () => {
  const message = fieldOf({ path: '/a.B/C', isGrpc: true }, 'grpc-message');
  assert.match(message, /^This is served at https:\/\/www\.example\.com\/a\.B\/C\. gRPC/);
});
