// The stream of one reader of the dashboard, without sockets: what it gets, and what becomes of one that reads slowly or not at all.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import {
  type DashboardFrame,
  type DashboardSink,
  DashboardStream,
  DashboardStreams,
  type OpenDashboard,
} from '../../src/admin/dashboard-stream.ts';
import { Containment } from '../../src/transport/containment.ts';

class Response extends EventEmitter {
  readonly written: string[] = [];
  writableNeedDrain = false;
  state = 'open';

  writeHead(): void {}

  write(text: string): boolean {
    this.written.push(text);
    return !this.writableNeedDrain;
  }

  end(): void {
    this.state = 'ended';
  }

  destroy(): void {
    this.state = 'destroyed';
  }
}

class Scene {
  readonly response = new Response();
  nowMs = 0;
  isOpen = false;
  hasEnded = false;
  frame: DashboardFrame | undefined = undefined;
  sink: DashboardSink = () => assert.fail('nobody reads');
  readonly faults: unknown[] = [];
  readonly containment = new Containment('listener', (_layer, error) => this.faults.push(error));
  readonly open: OpenDashboard = (sink) => {
    this.sink = sink;
    this.isOpen = true;
    return {
      opening: '{"event":"open"}',
      frame: this.frame,
      close: () => {
        this.isOpen = false;
      },
    };
  };

  begin(open = this.open): DashboardStream | undefined {
    return DashboardStream.begin(this.response, {
      open,
      containment: this.containment,
      now: () => this.nowMs,
      onEnd: () => {
        this.hasEnded = true;
      },
    });
  }

  take(): string {
    return this.response.written.splice(0).join('');
  }
}

/** @param second stands for all figures of that second */
function frameOf(second: number, facts: Readonly<Record<string, string>>): DashboardFrame {
  return { figures: `{"second":${second}}`, facts };
}

test('figures come each time, and facts when they have changed', () => {
  const scene = new Scene();
  scene.begin();
  assert.equal(scene.take(), 'data: {"event":"open"}\n\n');
  scene.sink(frameOf(1, { a: '"A"', b: '"B"' }));
  assert.equal(scene.take(), 'data: {"second":1}\n\ndata: {"event":"facts","a":"A","b":"B"}\n\n');
  scene.sink(frameOf(2, { a: '"A"', b: '"B"' }));
  assert.equal(scene.take(), 'data: {"second":2}\n\n');
  scene.sink(frameOf(3, { a: '"A"', b: '"C"' }));
  assert.equal(scene.take(), 'data: {"second":3}\n\ndata: {"event":"facts","b":"C"}\n\n');
});

test('a reader that comes later gets the newest figures and all facts at once', () => {
  const scene = new Scene();
  scene.frame = frameOf(7, { a: '"A"' });
  scene.begin();
  assert.equal(
    scene.take(),
    'data: {"event":"open"}\n\ndata: {"second":7}\n\ndata: {"event":"facts","a":"A"}\n\n',
  );
});

test('a reader that is slow misses whole messages, and gets the facts of those with the next one', () => {
  const scene = new Scene();
  scene.begin();
  scene.sink(frameOf(1, { a: '"A"' }));
  scene.take();
  scene.response.writableNeedDrain = true;
  for (let second = 2; second < 50; second++) scene.sink(frameOf(second, { a: `"${second}"` }));
  assert.equal(scene.take(), '', 'nothing waits for it');
  scene.response.writableNeedDrain = false;
  scene.sink(frameOf(50, { a: '"Z"' }));
  assert.equal(scene.take(), 'data: {"second":50}\n\ndata: {"event":"facts","a":"Z"}\n\n');
});

test('a reader that takes nothing for a minute is left, and its place is free', () => {
  const scene = new Scene();
  scene.begin();
  scene.nowMs = 1000;
  scene.sink(frameOf(1, {}));
  scene.response.writableNeedDrain = true;
  scene.nowMs = 60_999;
  scene.sink(frameOf(60, {}));
  assert.equal(scene.response.state, 'open');
  scene.nowMs = 61_000;
  scene.sink(frameOf(61, {}));
  assert.deepEqual([scene.response.state, scene.isOpen, scene.hasEnded], ['destroyed', false, true]);
});

test('a reader that takes something now and then is not left', () => {
  const scene = new Scene();
  scene.begin();
  scene.response.writableNeedDrain = true;
  for (let round = 0; round < 3; round++) {
    scene.nowMs += 59_000;
    scene.sink(frameOf(round, {}));
    scene.response.emit('drain');
  }
  assert.equal(scene.response.state, 'open');
});

test('a fault in one stream ends it, and others go on', () => {
  const scene = new Scene();
  scene.begin();
  const fault = new Error('ours');
  scene.response.write = () => {
    throw fault;
  };
  scene.sink(frameOf(1, {}));
  assert.deepEqual([scene.faults, scene.response.state, scene.isOpen], [[fault], 'destroyed', false]);
});

test('a reader that goes is forgotten, and what comes after that throws nothing', () => {
  const scene = new Scene();
  const stream = scene.begin();
  scene.take();
  scene.response.emit('error', new Error('gone'));
  scene.response.emit('close');
  assert.deepEqual([scene.isOpen, scene.hasEnded, scene.faults], [false, true, []]);
  scene.sink(frameOf(1, {}));
  stream?.close('it closes');
  assert.equal(scene.take(), '');
});

test('nothing is written where there is no room for another reader', () => {
  const scene = new Scene();
  assert.equal(
    scene.begin(() => undefined),
    undefined,
  );
  assert.equal(scene.take(), '');
});

test('all readers are told that the server closes, also one that comes while it does', () => {
  const [one, other] = [new Scene(), new Scene()];
  const streams = new DashboardStreams((sink) => one.open(sink), one.containment);
  assert.ok(streams.begin(one.response, () => true));
  streams.close();
  assert.ok(streams.begin(other.response, () => true));
  for (const { response } of [one, other]) {
    assert.match(response.written.join(''), /"event":"closing"/);
    assert.equal(response.state, 'ended');
  }
});

test('a stream that is ended is left after ten seconds, if its reader does not take the rest', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const scene = new Scene();
  scene.begin()?.close('the end');
  t.mock.timers.tick(9_999);
  assert.equal(scene.response.state, 'ended');
  t.mock.timers.tick(1);
  assert.equal(scene.response.state, 'destroyed');
});
