// What is said of the room for clients, and of what does not go with it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientRoom, findLackOfMemory, findLackOfRoom, RoomLog } from '../../src/control/client-room.ts';
import { findOtherLog, findOtherWorkers } from '../../src/control/remarks.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

async function configWith(limits: Readonly<Record<string, unknown>>) {
  const upstreams = { voice: { endpoints: ['127.0.0.1:50051'] } };
  return configOf(await proxyConfigText({ sections: { limits, upstreams } }));
}

test('the room for clients is told with what it comes from', async () => {
  const { room, fields } = clientRoom(await configWith({}), 2, 1024);
  assert.equal(
    room,
    '1584 clients at a time, 396 of one address (1024 open files for each process; raise LimitNOFILE= or ulimit -Hn for more)',
  );
  assert.deepEqual(fields, {
    clients: 1584,
    clientsOfAddress: 396,
    openFiles: 1024,
    processes: 2,
    upstreamConnections: 32,
  });
  const configured = clientRoom(await configWith({ connections: 9, connectionsPerAddress: 'off' }), 1, 1024);
  assert.equal(configured.room, '9 clients at a time (limits.connections)');
});

test('the room is told again only when it changes by a tenth, or comes from elsewhere', async () => {
  const said: string[] = [];
  const log = new RoomLog({ info: (_fields, message) => said.push(message.slice(0, 29)) });
  const config = await configWith({});
  log.describe(config, 1, 1024);
  const [voice] = config.upstreams;
  const connections = { ...voice.connections, max: voice.connections.max + 20 };
  log.describe({ ...config, upstreams: [{ ...voice, connections }] }, 1, 1024);
  assert.deepEqual(said, ['there is room for 792 clients']);
  log.describe({ ...config, upstreams: Array.from({ length: 9 }, () => voice) }, 1, 1024);
  log.describe(await configWith({ connections: 536 }), 1, 1024);
  assert.deepEqual(said.slice(1), ['there is room for 536 clients', 'there is room for 536 clients']);
});

test('more clients than the descriptors are enough for is a warning, at its key', async () => {
  const [finding, ...others] = findLackOfRoom(await configWith({ connections: 1000 }), 1, 1024);
  assert.deepEqual(finding.path, ['limits', 'connections']);
  assert.equal(finding.message, 'the open files of this process (1024) are enough for 792 clients');
  assert.deepEqual(others, []);
  assert.deepEqual(findLackOfRoom(await configWith({ connections: 792 }), 1, 1024), []);
  assert.deepEqual(findLackOfRoom(await configWith({ connections: 1000 }), 2, 1024), []);
});

test('a limit of memory with which nobody could be served is a warning, with the least that can be', async () => {
  const [finding] = findLackOfMemory(await configWith({ memory: '64MiB' }), 1);
  assert.match(finding.message, /^is too little for 1 process: /);
  assert.equal(finding.hint, 'write 128MiB or more, or auto');
  const [forTwo] = findLackOfMemory(await configWith({ memory: '200MiB' }), 2);
  assert.equal(forTwo.hint, 'write 256MiB or more, or auto');
  assert.deepEqual(findLackOfMemory(await configWith({ memory: '256MiB' }), 2), []);
  assert.deepEqual(findLackOfMemory(await configWith({}), 8), []);
});

test('a number of workers that runs already is no warning, however it is written', () => {
  assert.deepEqual(findOtherWorkers(2, 2), []);
  assert.match(findOtherWorkers(4, 2)[0].message, /started again: 2 now, 4 then/);
});

test('too few open files are warned of, even if the number of connections is left to them', async () => {
  const [finding, ...others] = findLackOfRoom(await configWith({}), 2, 1024);
  assert.deepEqual(others, []);
  assert.deepEqual(finding.path, ['limits', 'connections']);
  assert.match(
    finding.message,
    /open files of this process \(1024\) are enough for 1584 clients at a time, 396 of one address/,
  );
  assert.match(finding.hint ?? '', /LimitNOFILE=/);
  assert.deepEqual(findLackOfRoom(await configWith({}), 2, 4096), []);
});

test('another file for the log is told to wait for the next start', async () => {
  const { log } = await configWith({});
  assert.deepEqual(findOtherLog(log, log), []);
  const [remark] = findOtherLog({ ...log, file: '/var/log/framegate.log' }, log);
  assert.deepEqual(remark.path, ['log', 'file']);
  assert.match(
    findOtherLog({ ...log, format: 'text' }, log)[0].message,
    /started again: auto now, text then/,
  );
  assert.match(remark.message, /started again: standard output now, \/var\/log\/framegate.log then/);
});
