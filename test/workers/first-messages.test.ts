// A worker loses nothing of what it is told while it starts: messages that come in one piece with the first one are kept.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  type FromWorker,
  isFromWorker,
  PROTOCOL_VERSION,
  type ToWorker,
} from '../../src/workers/messages.ts';
import { START_TIMEOUT_MS } from '../support/eventually.ts';
import { addressOf } from '../support/object-source.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';

const mainFile = join(import.meta.dirname, '../../src/main.ts');

interface Started {
  readonly send: (message: ToWorker) => void;
  readonly next: <Type extends FromWorker['type']>(
    type: Type,
  ) => Promise<Extract<FromWorker, { type: Type }>>;
}

function startWorker(t: TestContext): Started {
  const child = fork(mainFile, ['worker'], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', 2],
  });
  t.after(() => child.kill('SIGKILL'));
  return {
    send: (message) => child.send(message),
    next: (type) =>
      new Promise((resolve, reject) => {
        const fail = (): void => reject(new Error(`no message ${type}`));
        const timer = setTimeout(fail, START_TIMEOUT_MS);
        child.once('exit', fail);
        const look = (message: unknown): void => {
          if (!isFromWorker(message) || !isOf(message, type)) return;
          clearTimeout(timer);
          child.off('message', look);
          resolve(message);
        };
        child.on('message', look);
      }),
  };
}

function isOf<Type extends FromWorker['type']>(
  message: FromWorker,
  type: Type,
): message is Extract<FromWorker, { type: Type }> {
  return message.type === type;
}

test('endpoints that are told right behind the configuration are taken over', async (t) => {
  const worker = startWorker(t);
  const listeners = [{ name: 'clear', address: '127.0.0.1:0' }];
  const config = configOf(await proxyConfigText({ sections: { listeners, log: { level: 'silent' } } }));
  const places = [{ socket: 1, address: '127.0.0.1:1', port: 1 }];
  await worker.next('hello');
  const serving = worker.next('serving');
  worker.send({
    type: 'start',
    version: PROTOCOL_VERSION,
    worker: 1,
    assignment: { config, epoch: 1, places, workers: 1 },
    endpoints: [],
    ticketKeys: Buffer.alloc(48),
  });
  for (let version = 1; version <= 5; version++) {
    const endpoints = [{ address: addressOf(`127.0.0.1:${version}`) }];
    worker.send({ type: 'endpoints', update: { upstream: 'voice', version, endpoints } });
  }
  await serving;
  const answer = worker.next('answer');
  worker.send({ type: 'ask', question: 1, topic: 'metrics' });
  const { metrics = [] } = (await answer).body;
  const family = metrics.find(({ name }) => name === 'framegate_endpoint_updates_applied_total');
  assert.deepEqual(family?.values, [{ labels: {}, value: 5 }]);
});
