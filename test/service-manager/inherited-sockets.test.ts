import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InheritedSockets } from '../../src/service-manager/inherited-sockets.ts';

function take(environment: Record<string, string>): InheritedSockets {
  return InheritedSockets.take(environment, 812);
}

test('sockets are found by the names that systemd gave them', () => {
  const sockets = take({ LISTEN_PID: '812', LISTEN_FDS: '2', LISTEN_FDNAMES: 'https:clear.socket' });
  assert.equal(sockets.claim('clear.socket'), 4);
  assert.equal(sockets.claim('https'), 3);
});

test('a socket without a name is called unknown, as sd_listen_fds calls it', () => {
  assert.equal(take({ LISTEN_PID: '812', LISTEN_FDS: '1' }).claim('unknown'), 3);
});

test('children are not told of sockets that are not theirs', () => {
  const environment = { LISTEN_PID: '812', LISTEN_FDS: '1', LISTEN_FDNAMES: 'https', LANG: 'C' };
  take(environment);
  assert.deepEqual(environment, { LANG: 'C' });
});

test('a name that systemd did not pass is answered with those it did', () => {
  const sockets = take({ LISTEN_PID: '812', LISTEN_FDS: '2', LISTEN_FDNAMES: 'https:clear' });
  assert.throws(
    () => sockets.claim('http'),
    /no socket of this name, but 'https', 'clear'; .*FileDescriptorName=/,
  );
});

test('without any socket the .socket unit is named as the remedy', () => {
  assert.throws(
    () => take({}).claim('https'),
    /passed no sockets .* start the \.socket unit with FileDescriptorName=https/,
  );
  assert.throws(() => take({ LISTEN_PID: '812' }).claim('https'), /passed no sockets/);
});

test('sockets for another process are not taken', () => {
  const sockets = take({ LISTEN_PID: '811', LISTEN_FDS: '1', LISTEN_FDNAMES: 'https' });
  assert.throws(() => sockets.claim('https'), /process 811, and this is 812: let ExecStart= run node itself/);
});

test('a number of sockets that is none is named', () => {
  for (const count of ['0', '-1', '1e3', '99999', '3 ', '']) {
    assert.throws(
      () => take({ LISTEN_PID: '812', LISTEN_FDS: count }).claim('https'),
      /not a number of sockets/,
      count,
    );
  }
});

test('names that are not one for each socket name none of them', () => {
  const sockets = take({ LISTEN_PID: '812', LISTEN_FDS: '2', LISTEN_FDNAMES: 'https' });
  assert.throws(() => sockets.claim('https'), /but 'unknown', 'unknown'/);
});

test('two sockets of one name are not chosen from', () => {
  const sockets = take({ LISTEN_PID: '812', LISTEN_FDS: '2', LISTEN_FDNAMES: 'https:https' });
  assert.throws(
    () => sockets.claim('https'),
    /2 sockets named 'https': give each a \.socket unit of its own/,
  );
});

test('a socket is given out once', () => {
  const sockets = take({ LISTEN_PID: '812', LISTEN_FDS: '1', LISTEN_FDNAMES: 'https' });
  sockets.claim('https');
  assert.throws(() => sockets.claim('https'), /has closed the socket before: restart it/);
});

test('sockets that no listener takes are known', () => {
  const sockets = take({ LISTEN_PID: '812', LISTEN_FDS: '3', LISTEN_FDNAMES: 'https:http:admin' });
  assert.deepEqual(sockets.unclaimed, ['https', 'http', 'admin']);
  sockets.claim('http');
  assert.deepEqual(sockets.unclaimed, ['https', 'admin']);
  assert.deepEqual(take({}).unclaimed, []);
});
