// A process that takes leases and does not answer: it is ended, and its questions have their answers.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { StoresProcess } from '../../src/stores/stores-process.ts';
import { standIn } from '../support/stand-in.ts';
import { ASK } from './store-scene.ts';

/** Takes what it is sent and says nothing. */
class SilentChild extends EventEmitter {
  readonly pid = 1;
  connected = true;
  readonly signals: string[] = [];

  send(): boolean {
    return true;
  }

  kill(signal: string): boolean {
    this.signals.push(signal);
    this.connected = false;
    this.emit('close', null, signal);
    return true;
  }
}

test('a process that has not answered a question for ten seconds is killed at the next one', async (t) => {
  let nowMs = 1000;
  t.mock.method(performance, 'now', () => nowMs);
  const children: SilentChild[] = [];
  const ended: string[] = [];
  const stores = new StoresProcess(
    {
      fork: () => {
        children.push(new SilentChild());
        const child: unknown = children.at(-1);
        return standIn<ChildProcess>(Object(child));
      },
      id: 'proxy',
      onUp: () => undefined,
      onDown: () => undefined,
      onEnded: (how) => ended.push(how),
      firstPauseMs: 600_000,
    },
    [],
  );
  const [child] = children;
  let unanswered = 0;
  const ask = (): Promise<unknown> =>
    new Promise((resolve) => {
      unanswered++;
      stores.take(ASK, (answer) => {
        unanswered--;
        resolve(answer);
      });
    });
  const first = ask();
  nowMs += 10_000;
  const second = ask();
  assert.deepEqual([child.signals, unanswered], [[], 2]);
  nowMs += 1;
  const third = ask();
  assert.deepEqual([child.signals, ended], [['SIGKILL'], ['signal SIGKILL']]);
  assert.deepEqual(await Promise.all([first, second, third]), [{}, {}, {}]);
  await stores.close();
});
