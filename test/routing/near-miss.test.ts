// What is said of the route that a refused request nearly took, and to whom.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteConfig } from '../../src/config/route-config.ts';
import type { NearMiss } from '../../src/routing/near-miss.ts';
import { compileRoutes } from '../../src/routing/route-table.ts';
import { routeConfig } from '../support/route-config.ts';

interface Criteria {
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly listener?: string;
}

function route({ path, host, headers = {}, listener }: Criteria): RouteConfig {
  const match = { path, host, headers: new Map(Object.entries(headers)), listener };
  return routeConfig({ name: 'voice', match });
}

function nearMiss(
  routes: readonly Criteria[],
  {
    path = '/a.B/C',
    headers = {},
    authority = 'example.com:443',
  }: { path?: string; headers?: Readonly<Record<string, string>>; authority?: string } = {},
): NearMiss | undefined {
  const request = {
    path,
    authority,
    listener: 'public',
    headers: new Map(Object.entries(headers)),
  };
  const table = compileRoutes(routes.map(route));
  assert.equal(table.match(request), undefined);
  return table.nearMiss(request);
}

/** What the client may read too. */
function toldToClient(routes: readonly Criteria[], request = {}): string {
  const near = nearMiss(routes, request);
  assert.ok(near?.isForClient === true, near?.sentence);
  return near.sentence;
}

function onlyLogged(routes: readonly Criteria[], request = {}): string {
  const near = nearMiss(routes, request);
  assert.ok(near?.isForClient === false, near?.sentence);
  return near.sentence;
}

test('a path whose star was forgotten is named, with the one that would match', () => {
  assert.equal(
    toldToClient([{ path: '/a.B/' }]),
    'A route has the path /a.B/, which matches nothing but itself; /a.B/* matches what is below it.',
  );
  assert.match(toldToClient([{ path: '/a.B' }]), /\/a\.B\/\* matches/);
  assert.match(toldToClient([{ path: '/' }]), /the path \/, .*\/\* matches/);
});

test('a slash at the end, and the case of letters, are named', () => {
  assert.match(
    toldToClient([{ path: '/app/*' }], { path: '/app?x=1' }),
    /the path \/app\/\*; mind the slash/,
  );
  assert.match(toldToClient([{ path: '/a.B/C' }], { path: '/a.B/C/' }), /mind the slash/);
  assert.match(toldToClient([{ path: '/a.b/*' }]), /the path \/a\.b\/\*; paths are case-sensitive/);
});

test('hosts, headers and listeners are for the log, and values of headers for nobody', () => {
  assert.equal(
    onlyLogged([{ path: '/a.B/*', host: 'inner.example.com' }]),
    "Route 'voice' would match, but for its host: inner.example.com.",
  );
  assert.match(onlyLogged([{ path: '/a.B/*', listener: 'internal' }]), /for its listener: internal/);
  const sentence = onlyLogged([{ headers: { 'x-tenant': 'hidden' } }], { headers: { 'x-tenant': 'b' } });
  assert.match(sentence, /for its header x-tenant: it is absent or has another value/);
  assert.doesNotMatch(sentence, /hidden/);
});

test('names of services that the client has not said are for the log', () => {
  const say = { path: '/voice.Assistant/Say' };
  assert.match(onlyLogged([{ path: '/Assistant/*' }], say), /mind the package/);
  assert.match(onlyLogged([{ path: '/voice.Asistant/*' }], say), /misspelt/);
  assert.match(onlyLogged([{ path: '/voice.Assistant/Hear' }], say), /another method of this service/);
  assert.match(
    onlyLogged([{ path: '/voice.Assistant/*' }], { path: '/grpc/voice.Assistant/Say' }),
    /in front/,
  );
});

test('of several routes that the client may mean, the nearest one is named', () => {
  const say = { path: '/acme.Vioce/Say' };
  const talk = { path: '/acme.Voice/Talk' };
  const all = { path: '/acme.Voice/*' };
  assert.match(onlyLogged([talk, { path: '/acme.Voice/Say' }, all], say), /the path \/acme\.Voice\/Say:/);
  assert.match(onlyLogged([talk, all], say), /the path \/acme\.Voice\/\*:/);
  assert.match(onlyLogged([talk, { path: '/Voice/Say' }], { path: '/acme.Voice/Say' }), /\/Voice\/Say: mind/);
  assert.match(
    onlyLogged([talk, { path: '/acme.Voice/Speak' }], { path: '/acme.Voice/Spaek' }),
    /another method of this service: \/acme\.Voice\/Speak\./,
  );
  assert.match(
    onlyLogged([{ host: 'admin.example.com' }, { host: 'voice.example.com' }], {
      authority: 'vioce.example.com',
    }),
    /for its host: voice\.example\.com/,
  );
});

test('the forgotten star is said rather than all else', () => {
  const routes = [{ path: '/a.B/*', host: 'other.example.com' }, { path: '/a.B/' }, { path: '/a.b/*' }];
  assert.match(toldToClient(routes), /the path \/a\.B\/,/);
});

test('nothing is said of routes from which a request differs in two ways, or altogether', () => {
  assert.equal(nearMiss([{ path: '/a.B/', host: 'other.example.com' }]), undefined);
  assert.equal(nearMiss([{ host: 'other.example.com', listener: 'internal' }]), undefined);
  assert.equal(nearMiss([{ path: '/x.Y/*' }]), undefined);
  assert.equal(nearMiss([]), undefined);
});
