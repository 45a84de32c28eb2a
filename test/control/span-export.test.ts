// What the control part says of the export of spans while the process that exports them is away.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { TraceConfig } from '../../src/config/trace-config.ts';
import { SpanExport } from '../../src/control/span-export.ts';
import { standIn } from '../support/stand-in.ts';

const CONFIG: TraceConfig = {
  exporter: { protocol: 'http', url: 'http://127.0.0.1:4318/v1/traces' },
  headers: new Map(),
  share: 1,
  parents: 'trusted',
  onError: true,
  formats: { w3c: true, grpcTraceBin: false },
  intervalMs: 60_000,
  service: 'framegate',
};

/** Is ready as soon as it is told how to export. */
class ReadyChild extends EventEmitter {
  readonly pid = 1;
  connected = true;

  send(): boolean {
    setImmediate(() => this.emit('message', { type: 'ready' }));
    return true;
  }

  kill(): boolean {
    this.ends();
    return true;
  }

  ends(): void {
    this.connected = false;
    this.emit('close', null, 'SIGKILL');
  }
}

test('the report names the end of the process, until another one has started', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const children: ReadyChild[] = [];
  const lines: string[] = [];
  const say = (_fields: object, message: string): void => void lines.push(message);
  const spans = new SpanExport({ info: say, warn: say, error: say }, () => {
    const child = new ReadyChild();
    children.push(child);
    return standIn<ChildProcess>(Object(child));
  });
  const change = await spans.prepare(CONFIG);
  await change.commit();
  assert.deepEqual([spans.report?.exporter, spans.report?.reason], [CONFIG.exporter.url, undefined]);
  children[0].ends();
  assert.equal(spans.report?.reason, 'process_ended');
  assert.match(lines.join('\n'), /the process that exports spans has ended/);
  t.mock.timers.tick(60_000);
  assert.equal(children.length, 2);
  await new Promise(setImmediate);
  assert.equal(spans.report?.reason, undefined);
  for (const child of children) child.ends();
});
