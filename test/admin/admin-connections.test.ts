// Who has to leave when the admin server has too many connections, and who never does.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { AdminConnections, type AdminPlace } from '../../src/admin/admin-connections.ts';
import { AdminCounts } from '../../src/admin/admin-counts.ts';
import type { LogFields, Logger } from '../../src/observability/logger.ts';
import { Containment } from '../../src/transport/containment.ts';
import { silentLogger } from '../support/silent-logger.ts';

const LOOPBACK = '127.0.0.1';
const MIB = 1024 * 1024;

describe('the connections to an admin server', () => {
  let nowMs: number;
  let counts: AdminCounts;
  let connections: AdminConnections;
  let lines: LogFields[];
  /** The names of those that were closed. */
  let closed: string[];

  beforeEach(() => {
    nowMs = 0;
    lines = [];
    closed = [];
    counts = new AdminCounts();
    const warn = (fields: LogFields, message: string): unknown => lines.push({ ...fields, message });
    const logger: Logger = { ...silentLogger, warn };
    const containment = new Containment('listener', (_layer, error) => assert.ifError(error));
    connections = new AdminConnections({ counts, containment, logger, now: () => nowMs });
  });

  function connect(name: string, remoteAddress: string | undefined = LOOPBACK): AdminPlace | undefined {
    const close = () => closed.push(name);
    return connections.admit({ remoteAddress, destroy: close, resetAndDestroy: close });
  }

  function admitted(name: string, remoteAddress?: string): AdminPlace {
    const place = connect(name, remoteAddress);
    assert.ok(place !== undefined, name);
    return place;
  }

  function fill(count: number, of: (n: number) => void = (n) => void admitted(`silent ${n}`)): void {
    for (let n = 0; n < count; n++) of(n);
  }

  function countOf(family: string, label: string): number {
    const found = counts.metrics.find(({ name }) => name === family);
    const at = found?.keys.split('\n').findIndex((key) => key.includes(`"${label}"`)) ?? -1;
    return found?.values[at] ?? Number.NaN;
  }

  const closedFor = (reason: string): number => countOf('framegate_admin_closed_connections_total', reason);

  test('at the limit the oldest of those leaves that have no request granted', () => {
    admitted('trusted').granted(true);
    admitted('served').granted(false);
    fill(126);
    admitted('129th');
    admitted('130th');
    assert.deepEqual(closed, ['silent 0', 'silent 1']);
    assert.equal(connections.size, 128);
    assert.equal(closedFor('room'), 2);
  });

  test('a client whose answer is complete counts as silent again, unless it has the token', () => {
    const [served, trusted] = [admitted('served'), admitted('trusted')];
    served.granted(false);
    served.done();
    trusted.granted(true);
    trusted.done();
    fill(126);
    admitted('129th');
    admitted('130th');
    assert.deepEqual(closed, ['served', 'silent 0']);
  });

  test('who has shown the token leaves for others once it has changed, unless it reads events or shows the new one', () => {
    const all = new Map<string, AdminPlace>();
    fill(128, (n) => all.set(`trusted ${n}`, admitted(`trusted ${n}`)));
    for (const place of all.values()) place.granted(true);
    all.get('trusted 0')?.staysOpen();
    connections.tokenChanged();
    all.get('trusted 1')?.granted(true);
    admitted('129th');
    assert.deepEqual(closed, ['trusted 2']);
  });

  test('clients without the token leave for others while they are answered, if there is nobody else', () => {
    fill(127, (n) => admitted(`trusted ${n}`).granted(true));
    admitted('served').granted(false);
    admitted('129th').granted(true);
    assert.deepEqual(closed, ['served']);
    assert.equal(connect('130th'), undefined);
    assert.deepEqual([closed.length, connections.size], [1, 128]);
    assert.equal(countOf('framegate_admin_turned_away_total', 'connection'), 1);
  });

  test('a client whose request waits for its turn does not leave for others, until it was heard', () => {
    const waiting = admitted('waiting');
    waiting.asks();
    fill(128);
    waiting.wasHeard();
    admitted('one more');
    assert.deepEqual(closed, ['silent 0', 'waiting']);
  });

  test('a reader of events does not leave for others', () => {
    const reader = admitted('reader');
    reader.granted(false);
    reader.staysOpen();
    fill(128);
    assert.deepEqual(closed, ['silent 0']);
  });

  test('an address of another machine has a quarter of all connections, and makes room among its own', () => {
    fill(10);
    fill(33, (n) => void admitted(`other ${n}`, '192.0.2.7'));
    assert.deepEqual(closed, ['other 0']);
    assert.equal(closedFor('address'), 1);
    fill(34, (n) => void admitted(`third ${n}`, `2001:db8::${n}`));
    assert.deepEqual(closed.slice(1), ['third 0', 'third 1'], 'a network of IPv6 is one address');
  });

  test('an address whose clients all have the token gets no more than its share, and others their places', () => {
    fill(32, (n) => admitted(`${n}`, '192.0.2.7').granted(true));
    assert.equal(connect('33rd', '192.0.2.7'), undefined);
    admitted('another', '192.0.2.8');
    assert.deepEqual(closed, []);
  });

  test('all clients of this machine, and of a Unix socket, may have one address', () => {
    for (const address of [LOOPBACK, '::1', '::ffff:127.0.0.1', undefined])
      fill(32, (n) => void admitted(`${address} ${n}`, address));
    assert.deepEqual(closed, []);
  });

  test('half of all connections may speak HTTP/2, and among them the oldest leaves', () => {
    fill(64, (n) => assert.ok(connections.becomesRpc(admitted(`rpc ${n}`))));
    admitted('http');
    assert.ok(connections.becomesRpc(admitted('65th')));
    assert.deepEqual(closed, ['rpc 0']);
  });

  test('a client that has not taken its answer within thirty seconds is closed', () => {
    const [slow, quick] = [admitted('slow'), admitted('quick')];
    slow.granted(true);
    for (const place of [slow, quick]) connections.sending(place, 1000);
    quick.done();
    nowMs = 29_999;
    connections.check();
    assert.deepEqual(closed, []);
    nowMs = 30_000;
    connections.check();
    assert.deepEqual(closed, ['slow']);
    assert.equal(closedFor('slow'), 1);
  });

  test('of answers that are not taken 64 MiB wait, and then those leave that have waited longest', () => {
    const trusted = admitted('trusted');
    trusted.granted(true);
    connections.sending(trusted, 20 * MIB);
    fill(3, (n) => {
      nowMs++;
      connections.sending(admitted(`${n}`), 20 * MIB);
    });
    assert.deepEqual(closed, ['0']);
    nowMs++;
    connections.sending(admitted('large'), 500 * MIB);
    assert.deepEqual(closed, ['0', '1', '2'], 'and not the one that has just asked');
    assert.equal(closedFor('unread'), 3);
  });

  test('the log says once a minute how many have left for others, and for whom', () => {
    fill(128);
    for (let n = 0; n < 50; n++) admitted(`more ${n}`);
    nowMs = 60_000;
    admitted('one more');
    const message = 'the admin server has closed connections to make room for others';
    assert.deepEqual(lines, [
      { closed: 1, client: LOOPBACK, message },
      { closed: 50, client: LOOPBACK, message },
    ]);
  });

  test('places that were left are free', () => {
    const all = Array.from({ length: 128 }, (_, n) => admitted(`${n}`));
    for (const place of all) connections.leave(place);
    fill(128);
    assert.deepEqual([closed.length, connections.size], [0, 128]);
  });
});
