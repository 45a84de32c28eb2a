// Server-sent events without sockets: clients that read slowly or not at all, and what is left of those that have gone.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { EventStream, type Subscribe } from '../../src/admin/event-stream.ts';
import type { EventQuery, EventSink } from '../../src/calls/event-query.ts';
import { Containment } from '../../src/transport/containment.ts';

const QUERY: EventQuery = { kinds: ['end'], rate: 7 };

class Response extends EventEmitter {
  readonly written: string[] = [];
  /** Whether the client takes what is written. */
  isRead = true;
  writableNeedDrain = false;
  state = 'open';

  writeHead(): void {}

  write(text: string): boolean {
    this.written.push(text);
    this.writableNeedDrain = !this.isRead;
    return this.isRead;
  }

  end(): void {
    this.state = 'ended';
  }

  destroy(): void {
    this.state = 'destroyed';
  }

  drain(): void {
    this.writableNeedDrain = false;
    this.emit('drain');
  }
}

class Scene {
  readonly response = new Response();
  nowMs = 0;
  isSubscribed = false;
  hasEnded = false;
  readonly faults: unknown[] = [];
  readonly containment = new Containment('listener', (_layer, error) => this.faults.push(error));
  sink: EventSink = () => assert.fail('nobody has subscribed');
  readonly subscribe: Subscribe = (_query, sink) => {
    this.sink = sink;
    this.isSubscribed = true;
    return {
      close: () => {
        this.isSubscribed = false;
      },
    };
  };

  begin(subscribe = this.subscribe): EventStream | undefined {
    return EventStream.begin(this.response, {
      query: QUERY,
      subscribe,
      containment: this.containment,
      now: () => this.nowMs,
      onEnd: () => {
        this.hasEnded = true;
      },
    });
  }

  /** Sends a batch. @returns whether the next one may come at once */
  send(events: readonly string[], dropped = 0): boolean {
    let isTaken = false;
    this.sink({ events, dropped }, () => {
      isTaken = true;
    });
    return isTaken;
  }

  get last(): string | undefined {
    return this.response.written.at(-1);
  }
}

function begun(scene: Scene): EventStream {
  const stream = scene.begin();
  assert.ok(stream !== undefined);
  return stream;
}

test('each event is a message of its own, and the first one says the rate', () => {
  const scene = new Scene();
  begun(scene);
  assert.ok(scene.send(['{"a":1}', '{"a":2}']));
  assert.deepEqual(scene.response.written, [
    'data: {"event":"open","rate":7}\n\n',
    'data: {"a":1}\n\ndata: {"a":2}\n\n',
  ]);
});

test('nothing is written where there is no room for another subscriber', () => {
  const scene = new Scene();
  assert.equal(
    scene.begin(() => undefined),
    undefined,
  );
  assert.deepEqual(scene.response.written, []);
});

test('dropped events are counted up, and told once a second and before the end', () => {
  const scene = new Scene();
  const stream = begun(scene);
  scene.send(['{}'], 5);
  scene.send([], 6);
  assert.equal(scene.response.written.length, 2, 'the count waits for the tick');
  stream.tick();
  assert.equal(scene.last, 'data: {"event":"dropped","events":11}\n\n');
  stream.tick();
  assert.equal(scene.response.written.length, 3, 'nothing more is lost');
  scene.send([], 2);
  stream.close('the end');
  assert.deepEqual(scene.response.written.slice(3), [
    'data: {"event":"dropped","events":2}\n\n',
    'data: {"event":"closing","reason":"the end"}\n\n',
  ]);
  assert.deepEqual([scene.response.state, scene.isSubscribed, scene.hasEnded], ['ended', false, true]);
});

test('the next batch waits for a client that has not taken the last one', () => {
  const scene = new Scene();
  begun(scene);
  scene.response.isRead = false;
  let taken = 0;
  scene.sink({ events: ['{}'], dropped: 0 }, () => taken++);
  assert.equal(taken, 0);
  scene.response.drain();
  assert.equal(taken, 1);
  scene.response.drain();
  assert.equal(taken, 1, 'once for each batch');
});

test('a silent stream gets a comment, and a busy one none', () => {
  const scene = new Scene();
  const stream = begun(scene);
  scene.nowMs = 14_000;
  scene.send(['{}']);
  scene.nowMs = 28_999;
  stream.tick();
  assert.equal(scene.last, 'data: {}\n\n');
  scene.nowMs = 29_000;
  stream.tick();
  assert.equal(scene.last, ': still here\n\n');
});

for (const [what, stall] of [
  ['an event', (scene: Scene) => scene.send(['{}'])],
  [
    'a comment',
    (scene: Scene, stream: EventStream) => {
      scene.nowMs += 15_000;
      stream.tick();
    },
  ],
] as const)
  test(`a client that does not take ${what} for a minute is left, and its place is free`, () => {
    const scene = new Scene();
    const stream = begun(scene);
    scene.response.isRead = false;
    stall(scene, stream);
    const beganMs = scene.nowMs;
    scene.nowMs = beganMs + 59_999;
    stream.tick();
    assert.equal(scene.response.state, 'open');
    scene.nowMs = beganMs + 60_000;
    stream.tick();
    assert.deepEqual([scene.response.state, scene.isSubscribed, scene.hasEnded], ['destroyed', false, true]);
  });

test('a client that goes leaves no subscription, and what comes after that throws nothing', () => {
  const scene = new Scene();
  const stream = begun(scene);
  scene.response.emit('error', new Error('gone'));
  scene.response.emit('close');
  assert.deepEqual([scene.isSubscribed, scene.hasEnded], [false, true]);
  stream.close('again');
  assert.equal(scene.response.state, 'open', 'a response that is over is not ended again');
});

test('a fault at an event of the response ends this stream, and goes no further', () => {
  const scene = new Scene();
  begun(scene);
  scene.response.isRead = false;
  const fault = new Error('ours');
  scene.sink({ events: ['{}'], dropped: 0 }, () => {
    throw fault;
  });
  scene.response.drain();
  assert.deepEqual(scene.faults, [fault]);
  assert.equal(scene.response.state, 'destroyed');
});

test('a stream that is ended is left after ten seconds, if its client does not take the rest', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const scene = new Scene();
  begun(scene).close('the end');
  t.mock.timers.tick(9_999);
  assert.equal(scene.response.state, 'ended');
  t.mock.timers.tick(1);
  assert.equal(scene.response.state, 'destroyed');
});

test('a stream that is ended is not touched again once its client has taken the rest', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const scene = new Scene();
  begun(scene).close('the end');
  scene.response.emit('close');
  t.mock.timers.tick(100_000);
  assert.equal(scene.response.state, 'ended');
});
