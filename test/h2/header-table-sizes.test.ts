// SETTINGS_HEADER_TABLE_SIZE of a peer, and what the next header block says of it (RFC 7541 section 4.2).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Role } from '../../src/h2/connection.ts';
import { HpackDecoder } from '../../src/h2/hpack/decoder.ts';
import { SettingId } from '../../src/h2/settings.ts';
import * as frames from '../support/frames.ts';
import { type Endpoint, opened } from '../support/wire.ts';

const FIELD: frames.Field = ['x-server', 'one-and-the-same'];

/** The header block of one more call, as it is sent. */
function nextBlock(endpoint: Endpoint, id: number): Buffer {
  if (endpoint.role === 'client') {
    endpoint.requests({ endStream: true, fields: [FIELD] });
  } else {
    endpoint.receives(frames.headers(id, frames.requestBlock(), { endStream: true }));
    endpoint.responds(id, true, FIELD);
  }
  const [sent] = frames.splitFrames(endpoint.takesOutput());
  return sent.subarray(9);
}

/** Read by a peer whose table is empty. */
function readAnew(block: Buffer): readonly (readonly [name: string, value: string])[] {
  const decoder = new HpackDecoder({ maxTableSizeBytes: 4096, maxListSizeBytes: 16_384, maxFields: 100 });
  const { names, values } = decoder.decode(block, 0, block.length);
  return names.map((name, index) => [name, values[index]] as const);
}

const roles: readonly Role[] = ['server', 'client'];

for (const role of roles) {
  test(`a table emptied and enlarged in one SETTINGS frame is emptied here as well, in the ${role} role`, () => {
    const endpoint = opened(role);
    let id = 1;
    for (; id < 20; id += 2) nextBlock(endpoint, id);
    assert.throws(() => readAnew(nextBlock(endpoint, id)), 'the table is in use');
    const { HEADER_TABLE_SIZE } = SettingId;
    endpoint
      .receives(frames.settings([HEADER_TABLE_SIZE, 0], [HEADER_TABLE_SIZE, 4096]))
      .accepts()
      .clears();
    const block = nextBlock(endpoint, id + 2);
    // The smallest size first, then the last.
    assert.equal(block.toString('hex', 0, 4), '203fe11f');
    assert.deepEqual(readAnew(block).at(-1), FIELD);
  });
}
