// The fields of a request to an HTTP/1.1 service: those that say where it ends are made by the proxy, whatever the client sends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderList } from '../../../src/h2/hpack/header-list.ts';
import { outgoingHead, upgradeHead } from '../../../src/upstreams/http1/request-fields.ts';

const FRAMING = ['content-length', 'transfer-encoding', 'proxy-connection', 'keep-alive', 'http2-settings'];
const PSEUDO = [
  [':method', 'POST'],
  [':path', '/'],
  [':authority', 'a'],
] as const;

for (const name of FRAMING.flatMap((one) => [one.replaceAll('-', '_'), one.replaceAll('-', '.')]))
  test(`no service is sent ${name}, which it may read with a hyphen`, () => {
    const list = HeaderList.of(...PSEUDO, [name, 'chunked'], ['x_a', '1']);
    assert.deepEqual(outgoingHead(list, 'chunked').fields, [
      'Host',
      'a',
      'x_a',
      '1',
      'Transfer-Encoding',
      'chunked',
    ]);
    assert.ok(!upgradeHead(list, 'key').fields.includes(name));
  });
