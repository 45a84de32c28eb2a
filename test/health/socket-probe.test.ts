// The heads of responses to a health check by GET, however they are cut into pieces.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResponseHeads } from '../../src/health/socket-probe.ts';

const INTERIM = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n';

test('the status behind interim responses is found at the same byte, however the pieces are cut', () => {
  for (const [text, status] of [
    ['HTTP/1.1 200 OK\r\n', 200],
    [`HTTP/1.1 100 \r\n\r\n${INTERIM}HTTP/1.0 503\r\n`, 503],
    ['SSH-2.0', 0],
    ['HTTP/1.1 2000\r\n', 0],
  ] as const) {
    for (let size = 1; size <= text.length; size++) {
      const heads = new ResponseHeads();
      let found: number | undefined;
      for (let at = 0; at < text.length; at += size) {
        assert.equal(found, undefined);
        found = heads.statusAfter(text.slice(at, at + size));
      }
      assert.equal(found, status, `${text} by ${size}`);
    }
  }
});

test('what comes behind ten interim responses is not read', () => {
  const heads = new ResponseHeads();
  assert.equal(heads.statusAfter(INTERIM.repeat(10)), undefined);
  assert.equal(heads.interimCount, 10);
  assert.equal(heads.statusAfter(`${INTERIM.repeat(400)}HTTP/1.1 200 OK\r\n`), undefined);
  assert.equal(heads.interimCount, 11);
});

function cost(size: number): number {
  const heads = new ResponseHeads();
  const before = process.cpuUsage().user;
  heads.statusAfter('HTTP/1.1 100 \r\n');
  for (let count = 0; count < size; count++) heads.statusAfter('x');
  return (process.cpuUsage().user - before) / 1000;
}

test('a head that comes byte by byte costs in proportion to its size', () => {
  cost(10_000);
  const few = cost(50_000);
  const many = cost(400_000);
  assert.ok(many < 30 * Math.max(few, 10), `${few} ms became ${many} ms`);
});
